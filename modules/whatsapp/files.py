"""What files may be sent: of the kinds and types that WhatsApp takes, told by their content."""

from core.files import UNKNOWN_TYPE, Checked, FileKind, FileRefused, remake, safe_name, sniff
from core.files import storage as storage  # noqa: PLC0414 - the first migration names it here
from core.files import store as store_in
from modules.whatsapp.choices import MessageType

FOLDER = "whatsapp"
PICTURES = ("JPEG", "PNG")
_OFFICE = "application/vnd.openxmlformats-officedocument."
TAKEN = frozenset(
    [
        *("image/jpeg", "image/png", "video/mp4", "video/3gpp"),
        *("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr"),
        *("application/pdf", "text/plain"),
        *(f"{_OFFICE}{name}" for name in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")),
    ]
)
TYPES = {
    MessageType.IMAGE: "JPEG or PNG",
    MessageType.VIDEO: "MP4 or 3GP",
    MessageType.AUDIO: "Ogg, MP3, M4A, AAC or AMR",
    MessageType.DOCUMENT: "PDF, DOCX, XLSX, PPTX or plain text",
}


def check(kind: MessageType, content: bytes, filename: str = "") -> Checked:
    """What a file is. Raises FileRefused unless it is of the kind it is to be sent as."""
    mime_type = _sniff(kind, content)
    if mime_type is None:
        raise FileRefused("media_type_refused", f"The content of the file is not {TYPES[kind]}.")
    if kind == MessageType.IMAGE:
        content = remake(content, PICTURES).content
    return Checked(content, mime_type, safe_name(filename, mime_type))


def as_received(kind: MessageType, content: bytes, filename: str = "") -> Checked:
    """A file that came in: as it is, with its type where that is one WhatsApp takes. Raises FileRefused for an empty one."""
    mime_type = _sniff(kind, content) or UNKNOWN_TYPE
    return Checked(content, mime_type, safe_name(filename, mime_type))


def store(checked: Checked) -> str:
    """Keep a file under a name of ours; the name."""
    return store_in(checked, FOLDER)


def _sniff(kind: MessageType, content: bytes) -> str | None:
    if not content:
        raise FileRefused("media_empty", "The file is empty.")
    mime_type = sniff(FileKind(kind), content)
    return mime_type if mime_type in TAKEN else None
