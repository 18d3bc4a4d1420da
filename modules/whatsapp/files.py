"""What files may be sent, told by their content and by nothing their sender says; and where they are kept.

The kinds and types are those that WhatsApp takes. Pictures are decoded and made anew: what hides behind their pixels is gone.
"""

import io
import re
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone
from PIL import ExifTags, Image, UnidentifiedImageError

from core.ids import uuid7
from modules.whatsapp.choices import MessageType

MAX_PIXELS = 25_000_000
MAX_SIDE = 4096
UNKNOWN_TYPE = "application/octet-stream"
MAX_NAME = 120
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/amr": "amr",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
TYPES = {
    MessageType.IMAGE: "JPEG or PNG",
    MessageType.VIDEO: "MP4 or 3GP",
    MessageType.AUDIO: "Ogg, MP3, M4A, AAC or AMR",
    MessageType.DOCUMENT: "PDF, DOCX, XLSX, PPTX or plain text",
}
# Browsers take text that begins like this for a page with scripts (https://mimesniff.spec.whatwg.org/#mime-type-sniffing-algorithm).
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<"
    rb"(?:!|\?xml|svg|(?:html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s/>])",
    re.IGNORECASE,
)
# Macros are programs, under whatever name the archive holds them.
_MACROS = (b"vbaproject", b"macroenabled")
MAX_CONTENT_TYPES = 1_048_576
# The second byte of a frame of MPEG 1, 2 and 2.5, each with and without a checksum.
_LAYER_III = frozenset([0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3])
# What makes a picture upright that its EXIF says lies on its side.
_TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class FileRefused(Exception):
    """A file that may not be sent: `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as it will be kept: its content, what it is, and a name that fits."""

    content: bytes = field(repr=False)
    mime_type: str
    filename: str


# A large picture takes some hundred megabytes while it is decoded: a process does not do many at once.
_DECODING = threading.BoundedSemaphore(2)


def storage() -> Storage:
    """Where files are kept: nobody gets at one but through us."""
    return storages["private"]


def check(kind: MessageType, content: bytes, filename: str = "") -> Checked:
    """What a file is. Raises FileRefused unless it is of the kind it is to be sent as."""
    if not content:
        raise FileRefused("media_empty", "The file is empty.")
    mime_type = _sniff(kind, content)
    if mime_type is None:
        raise FileRefused("media_type_refused", f"The content of the file is not {TYPES[kind]}.")
    if kind == MessageType.IMAGE:
        content = _made_anew(content)
    return Checked(content, mime_type, _name(filename, _EXTENSIONS[mime_type]))


def as_received(kind: MessageType, content: bytes, filename: str = "") -> Checked:
    """A file that came in: as it is, with its type where that is one we know. Raises FileRefused for an empty one."""
    if not content:
        raise FileRefused("media_empty", "The file is empty.")
    mime_type = _sniff(kind, content)
    if mime_type is None:
        return Checked(content, UNKNOWN_TYPE, _name(filename, "bin"))
    return Checked(content, mime_type, _name(filename, _EXTENSIONS[mime_type]))


def store(checked: Checked) -> str:
    """Keep a file under a name of ours; the name."""
    extension = _EXTENSIONS.get(checked.mime_type, "bin")
    name = f"whatsapp/{timezone.now():%Y/%m/%d}/{uuid7()}.{extension}"
    return storage().save(name, ContentFile(checked.content))


def read(name: str) -> bytes | None:
    """The content of a kept file; None when it is not there any more."""
    try:
        with storage().open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        return None


def remove(name: str) -> None:
    """Remove a kept file. Twice is harmless."""
    storage().delete(name)


def _sniff(kind: MessageType, content: bytes) -> str | None:
    found = {
        MessageType.IMAGE: _image,
        MessageType.VIDEO: _video,
        MessageType.AUDIO: _audio,
        MessageType.DOCUMENT: _document,
    }[kind]
    return found(content)


def _image(content: bytes) -> str | None:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/png" if content.startswith(b"\x89PNG\r\n\x1a\n") else None


def _video(content: bytes) -> str | None:
    if content[4:8] != b"ftyp":
        return None
    brand = content[8:12]
    if brand.startswith(b"3gp"):
        return "video/3gpp"
    return "video/mp4" if brand[:3] in (b"mp4", b"iso", b"avc", b"M4V", b"das", b"MSN") else None


def _audio(content: bytes) -> str | None:
    if content.startswith(b"OggS"):
        return "audio/ogg"
    if content.startswith(b"#!AMR"):
        return "audio/amr"
    if content[4:8] == b"ftyp" and content[8:11] in (b"M4A", b"mp4", b"iso"):
        return "audio/mp4"
    if content.startswith(b"ID3"):
        return "audio/mpeg"
    return _frame(content[:3])


def _frame(head: bytes) -> str | None:
    """An AAC (ADTS) frame, or one of MPEG's layer III whose rates are none that are reserved."""
    if len(head) < 3 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg" if head[1] in _LAYER_III and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C else None


def _document(content: bytes) -> str | None:
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if b"\x00" in content or _MARKUP.match(content):
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "text/plain"


def _office(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            with archive.open("[Content_Types].xml") as file:
                types = file.read(MAX_CONTENT_TYPES + 1).lower()
    # Of an encrypted entry Python says RuntimeError; KeyError: it is not there.
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, OSError, RuntimeError, ValueError):
        return None
    if len(types) > MAX_CONTENT_TYPES or any(word in types for word in _MACROS):
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    return next((kind for folder, kind in _OFFICE.items() if any(name.startswith(folder) for name in names)), None)


def _made_anew(content: bytes) -> bytes:
    """The picture's pixels, upright, as JPEG or PNG; nothing else of it."""
    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            # A JPEG may also call itself MPO, which is several in one.
            kind, mode = ("PNG", "RGBA") if image.format == "PNG" else ("JPEG", "RGB")
            turn = _turn(image)
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            made = image.convert(mode) if turn is None else image.convert(mode).transpose(turn)
            # Comments and profiles would be written again.
            made.info.clear()
            out = io.BytesIO()
            made.save(out, kind, **({"quality": 90} if kind == "JPEG" else {}))
            return out.getvalue()
    except Image.DecompressionBombError as error:
        raise FileRefused("media_too_large", "The picture has too many pixels.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error) as error:
        raise FileRefused("media_type_refused", "The picture cannot be decoded.") from error


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright. (Pillow's exif_transpose also writes the EXIF anew, and stumbles over what is broken in it.)"""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error):
        return None


def _name(given: str, extension: str) -> str:
    """A name that fits the content: no path, no control characters, our ending."""
    base = given.replace("\\", "/").rpartition("/")[2]
    base = "".join(char for char in base if char.isprintable() and char not in '<>:"|?*').strip(" .")
    stem = base.rpartition(".")[0] or base or "file"
    return f"{stem[: MAX_NAME - len(extension) - 1]}.{extension}"
