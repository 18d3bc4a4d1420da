"""What files chat takes, told by their content: pictures are made anew, everything else is kept as it is and only downloaded."""

import io
from dataclasses import dataclass

from blurhash import encode
from PIL import Image

from core.files import Checked, FileRefused, kind_of, remake, remove, safe_name, sniff, store, thumbnail
from core.files import FileKind as Sort
from modules.chat.choices import FileKind
from modules.chat.models import ChatFile

FOLDER = "chat"
THUMBNAIL_SIDE = 480
# A blur has few details: it is made of this many waves, of a picture this small.
BLUR_WAVES = (4, 3)
BLUR_SIDE = 32
_ZIP, _ZIP_END, _OFFICE = b"PK\x03\x04", b"PK\x05\x06", b"[Content_Types].xml"
# An archive's last record stands at its end, before a comment of at most 64 KiB.
_ZIP_TAIL = 65_557


@dataclass(frozen=True, slots=True)
class Taken:
    """A file as it will be kept; `small` is a picture's smaller copy."""

    kind: FileKind
    checked: Checked
    small: Checked | None = None
    width: int | None = None
    height: int | None = None
    blurhash: str = ""


def take(content: bytes, filename: str) -> Taken:
    """What a file is. Raises FileRefused for an empty one, and for what chat does not take."""
    if not content:
        raise FileRefused("media_empty", "The file is empty.")
    mime_type = sniff(Sort.IMAGE, content)
    if mime_type is not None:
        return _picture(content, mime_type, filename)
    sort = kind_of(content)
    mime_type = sniff(sort, content) if sort is not None else _archive(content)
    if mime_type is None:
        allowed = "a picture (JPEG, PNG, GIF, WebP), video, audio, PDF, an office document without macros, text or ZIP"
        raise FileRefused("media_type_refused", f"The content of the file is not {allowed}.")
    return Taken(FileKind.FILE, Checked(content, mime_type, safe_name(filename, mime_type)))


def keep(taken: Taken) -> ChatFile:
    """Store a file and its smaller copy: its row, not saved yet. Killed before that is, housekeeping finds what was stored."""
    return ChatFile(
        kind=taken.kind,
        file=store(taken.checked, FOLDER),
        thumbnail=store(taken.small, FOLDER) if taken.small is not None else "",
        filename=taken.checked.filename,
        mime_type=taken.checked.mime_type,
        size=len(taken.checked.content),
        width=taken.width,
        height=taken.height,
        blurhash=taken.blurhash,
    )


def clear(row: ChatFile) -> None:
    """Remove what was stored of a file that is nobody's, and then its row. Twice is harmless."""
    for name in (row.file.name, row.thumbnail.name):
        if name:
            remove(name)
    ChatFile.objects.filter(pk=row.pk, owner=None, message=None).delete()


def _picture(content: bytes, mime_type: str, filename: str) -> Taken:
    picture = remake(content)
    name = safe_name(filename, picture.mime_type)
    small = thumbnail(picture.content, THUMBNAIL_SIDE)
    return Taken(
        FileKind.IMAGE,
        Checked(picture.content, mime_type, name),
        Checked(small, "image/webp", name),
        picture.width,
        picture.height,
        _blurhash(small),
    )


def _blurhash(content: bytes) -> str:
    """A picture in thirty letters (https://blurha.sh); of one of ours, so it can be decoded."""
    with Image.open(io.BytesIO(content)) as image:
        tiny = Image.new("RGB", image.size, "white")
        tiny.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
        tiny.thumbnail((BLUR_SIDE, BLUR_SIDE))
    flat, row = tiny.tobytes(), 3 * tiny.width
    pixels = [[flat[at : at + 3] for at in range(start, start + row, 3)] for start in range(0, len(flat), row)]
    waves_across, waves_down = BLUR_WAVES
    found: str = encode(pixels, waves_across, waves_down)
    return found


def _archive(content: bytes) -> str | None:
    """A ZIP that is no office file: one of those that is not taken as a document has macros, or is broken."""
    is_zip = content.startswith(_ZIP) and _ZIP_END in content[-_ZIP_TAIL:]
    return "application/zip" if is_zip and _OFFICE not in content else None
