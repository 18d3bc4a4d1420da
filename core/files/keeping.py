"""Where files are kept: in a storage that no web server shows, under names of ours."""

from dataclasses import dataclass, field

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone

from core.files.names import extension_of
from core.ids import uuid7


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as it will be kept: its content, what it is, and a name that fits."""

    content: bytes = field(repr=False)
    mime_type: str
    filename: str


def storage() -> Storage:
    """Where files are kept: nobody gets at one but through us."""
    return storages["private"]


def store(checked: Checked, folder: str) -> str:
    """Keep a file in a module's folder under a name of ours; the name."""
    name = f"{folder}/{timezone.now():%Y/%m/%d}/{uuid7()}.{extension_of(checked.mime_type)}"
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
