"""Files: uploaded first, sent with a message afterwards."""

from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction

from core.exceptions import Invalid
from core.files import FileRefused
from modules.chat import files
from modules.chat.exceptions import FileNotFound, FileSent, TooManyFiles
from modules.chat.models import ChatFile
from users.models import User

MAX_UNSENT = 100


def upload(*, owner_id: UUID, content: BinaryIO, size: int, filename: str) -> ChatFile:
    """Check and keep a file until a message takes it. Raises Invalid, TooManyFiles."""
    limit = settings.CHAT_FILE_MAX_BYTES
    if size > limit:
        raise Invalid.field("file", f"At most {limit:,} bytes.", "media_too_large")
    # Before anything is decoded; what counts is asked again when it is taken over.
    _check_unsent(owner_id)
    try:
        taken = files.take(content.read(), filename)
    except FileRefused as error:
        raise Invalid.field("file", error.message, error.code) from error
    row = files.keep(taken)
    try:
        with transaction.atomic():
            # Two uploads of one person at the same moment are counted one after the other.
            User.objects.select_for_update(no_key=True).get(pk=owner_id)
            _check_unsent(owner_id)
            row.owner_id = owner_id
            row.save(force_insert=True)
    except BaseException:
        files.clear(row)
        raise
    return row


def find(*, user_id: UUID, file_id: UUID) -> ChatFile:
    """A file that somebody sees. Raises FileNotFound."""
    file: ChatFile | None = ChatFile.objects.visible_to(user_id=user_id).filter(pk=file_id).first()
    if file is None:
        raise FileNotFound
    return file


def opened(*, file: ChatFile, is_small: bool = False) -> File:  # type: ignore[type-arg]
    """What is kept of a file, or a picture's smaller copy, to be read. Raises FileNotFound where there is none."""
    kept = file.thumbnail if is_small else file.file
    if not kept:
        raise FileNotFound
    try:
        found: File = kept.open("rb")  # type: ignore[type-arg]
    except FileNotFoundError as error:
        raise FileNotFound from error
    return found


def delete(*, owner_id: UUID, file_id: UUID) -> None:
    """Remove a file of one's own that was not sent. Raises FileNotFound, FileSent."""
    with transaction.atomic():
        found = ChatFile.objects.filter(pk=file_id, owner_id=owner_id)
        file = found.select_for_update(no_key=True, of=("self",)).first()
        if file is None:
            raise FileNotFound
        if file.message_id is not None:
            raise FileSent
        found.abandon()
        # Where it cannot be removed now, housekeeping does it.
        transaction.on_commit(lambda: files.clear(file), robust=True)


def _check_unsent(owner_id: UUID) -> None:
    if ChatFile.objects.filter(owner_id=owner_id, message=None)[:MAX_UNSENT].count() >= MAX_UNSENT:
        raise TooManyFiles
