"""What a file is, told by its content."""

import io
import re
import struct
import zipfile
import zlib

from django.db import models

UNKNOWN_TYPE = "application/octet-stream"
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
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


class FileKind(models.TextChoices):
    """What a file is for people."""

    IMAGE = "image", "Image"
    VIDEO = "video", "Video"
    AUDIO = "audio", "Audio"
    DOCUMENT = "document", "Document"


def kind_of(content: bytes) -> FileKind | None:
    """The kind of a file; None of one we do not know. One of the MP4 family may be a video or audio: it is taken for a video."""
    return next((kind for kind in FileKind if sniff(kind, content) is not None), None)


def sniff(kind: FileKind, content: bytes) -> str | None:
    """The MIME type of a file that is to be of a kind; None where it is not, or is of a type we do not know."""
    found = {
        FileKind.IMAGE: _image,
        FileKind.VIDEO: _video,
        FileKind.AUDIO: _audio,
        FileKind.DOCUMENT: _document,
    }[kind]
    return found(content)


def _image(content: bytes) -> str | None:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
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
