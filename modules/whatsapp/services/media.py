"""Taking files: uploaded, or to be fetched from a URL."""

from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction

from core import outgoing
from core.exceptions import Conflict, Invalid
from core.files import MAX_NAME, FileRefused, remove
from modules.whatsapp import bell, files
from modules.whatsapp.choices import MediaStatus, MessageStatus, MessageType
from modules.whatsapp.models import Media, Message


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is to come from: an upload of `size` bytes, or a URL."""

    kind: MessageType
    filename: str = ""
    upload: BinaryIO | None = None
    size: int = 0
    url: str = ""


def prepare(*, user_id: UUID, source: Source) -> Media:
    """A file that is not saved yet: checked and stored, or to be fetched from its URL. Raises Invalid, naming `media`.

    Who does not `keep` it in the end must `discard` it.
    """
    if source.upload is not None:
        return _checked(user_id, source.kind, source.upload, source.size, source.filename, "media")
    try:
        # Refused at once is only what can be told from the URL.
        outgoing.check_url(source.url)
    except outgoing.OutgoingFailed as error:
        raise Invalid.field("media", error.message, error.stable_code) from error
    filename = source.filename[:MAX_NAME]
    return Media(user_id=user_id, kind=source.kind, status=MediaStatus.PENDING, source_url=source.url, filename=filename)


def keep(media: Media) -> None:
    """Save a prepared file, in the caller's transaction."""
    media.save(force_insert=True)
    if media.status == MediaStatus.PENDING:
        bell.FILES.ring_after_commit()


def discard(media: Media) -> None:
    """Undo `prepare`."""
    if name := media.file.name:
        remove(name)


def upload(*, user_id: UUID, kind: MessageType, content: BinaryIO, size: int, filename: str) -> Media:
    """Check and keep a file. Raises Invalid."""
    media = _checked(user_id, kind, content, size, filename, "file")
    try:
        keep(media)
    except BaseException:
        discard(media)
        raise
    return media


def _checked(user_id: UUID, kind: MessageType, content: BinaryIO, size: int, filename: str, field: str) -> Media:
    if size > settings.WHATSAPP_MAX_MEDIA_BYTES:
        raise Invalid.field(field, f"At most {settings.WHATSAPP_MAX_MEDIA_BYTES // 1_048_576} MB.", "media_too_large")
    try:
        checked = files.check(kind, content.read(), filename)
    except FileRefused as error:
        raise Invalid.field(field, error.message, error.code) from error
    return Media(
        user_id=user_id,
        kind=kind,
        file=files.store(checked),
        filename=checked.filename,
        mime_type=checked.mime_type,
        size=len(checked.content),
        sha256=sha256(checked.content).hexdigest(),
    )


def delete(*, media: Media) -> None:
    """Remove a file; messages that were sent with it stay. Raises Conflict while one waits for it. Twice is harmless."""
    with transaction.atomic():
        found = Media.objects.select_for_update(of=("self",)).filter(pk=media.pk).first()
        if found is None:
            return
        if Message.objects.filter(media=found, status__in=(MessageStatus.QUEUED, MessageStatus.SENDING)).exists():
            raise Conflict("A message with this file is still waiting.", code="media_in_use")
        name = found.file.name
        found.delete()
        if name:
            transaction.on_commit(lambda: remove(name))
