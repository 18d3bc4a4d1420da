"""Files for tests, some of which are not what they seem."""

import io
import struct
import zipfile
import zlib

from PIL import ExifTags, Image

HIDDEN = b"<script>alert(1)</script>"
PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
LEFT, RIGHT = (255, 0, 0), (0, 0, 255)


def picture(kind: str = "JPEG", *, mode: str = "RGB", size: tuple[int, int] = (16, 8), **more) -> bytes:
    """A picture, red on its left and blue on its right."""
    made = Image.new("RGB", size, LEFT)
    made.paste(RIGHT, (size[0] // 2, 0, *size))
    out = io.BytesIO()
    made.convert(mode).save(out, kind, **more)
    return out.getvalue()


def exif(**tags) -> Image.Exif:
    """EXIF with a place and a name, and these tags."""
    found = Image.Exif()
    found[ExifTags.Base.ImageDescription] = HIDDEN.decode()
    found[ExifTags.Base.Make] = "Phone"
    found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 14.0)
    for name, value in tags.items():
        found[ExifTags.Base[name]] = value
    return found


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def archive(folder: str = "word", *, types: str = "<Types/>", more: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("[Content_Types].xml", types)
        made.writestr(f"{folder}/document.xml", "<document/>")
        for name in more:
            made.writestr(name, "x")
    return out.getvalue()


def box(brand: str) -> bytes:
    """The beginning of a file of the MP4 family."""
    return struct.pack(">I", 24) + b"ftyp" + brand.encode() + b"\x00" * 12 + b"rest"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def resealed(broken: bytearray) -> bytes:
    """With the EXIF's checksum put right, where it has one: else nothing of it would be read."""
    at = broken.find(b"eXIf")
    if at >= 0:
        length = struct.unpack(">I", broken[at - 4 : at])[0]
        if at + length + 8 <= len(broken):
            broken[at + 4 + length : at + 8 + length] = struct.pack(">I", zlib.crc32(broken[at : at + 4 + length]))
    return bytes(broken)
