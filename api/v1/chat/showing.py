"""Messages as they are answered, a page in as many queries whatever its length."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from core.responses import dumps
from modules.chat import selectors
from modules.chat.joining import name_of
from modules.chat.models import ChatFile, Message, Reaction

DELETED_ACCOUNT = "Deleted account"
_BLOCK = 100


def show_messages(user_id: UUID, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as `user_id` sees them; they were loaded with their senders (`selectors.whole`)."""
    selectors.with_files(messages)
    mine = selectors.own_reactions(user_id, messages)
    return [_shown(message, mine.get(message.pk, [])) for message in messages]


def show_message(user_id: UUID, message: Message) -> dict[str, Any]:
    """One message as `user_id` sees it."""
    (shown,) = show_messages(user_id, [message])
    return shown


def show_reactor(reaction: Reaction) -> dict[str, Any]:
    """Who reacted with what."""
    return {
        "emoji": reaction.emoji,
        "user": reaction.user_id,
        "name": name_of(reaction.user),
        "created_at": reaction.created_at,
    }


def export_lines(messages: Iterable[Message]) -> Iterator[bytes]:
    """An object a line, in blocks of some kilobytes; nobody's own reactions are among them."""
    block = bytearray()
    for number, message in enumerate(messages, start=1):
        shown = _shown(message, ())
        del shown["my_reactions"]
        block += dumps(shown) + b"\n"
        if number % _BLOCK == 0:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def show_file(file: ChatFile) -> dict[str, Any]:
    """A file, without its content."""
    return {
        "id": file.pk,
        "kind": file.kind,
        "filename": file.filename,
        "mime_type": file.mime_type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "blurhash": file.blurhash,
    }


def _shown(message: Message, mine: Sequence[str]) -> dict[str, Any]:
    return {
        "id": message.pk,
        "room": message.room_id,
        "number": message.number,
        "root": message.root_id,
        "author": _author(message),
        "text": message.text,
        "cid": message.cid,
        "reply_to": message.reply_to_id,
        "mentions": message.mentions,
        "mentions_all": message.mentions_all,
        "files": [show_file(file) for file in message.files.all()] if message.file_count else [],
        "reactions": message.reactions,
        "my_reactions": mine,
        "previews": message.previews,
        "reply_count": message.reply_count,
        "last_reply_at": message.last_reply_at,
        "pinned_at": message.pinned_at,
        "edited_at": message.edited_at,
        "deleted_at": message.deleted_at,
        "deleted_by": message.deleted_by_id,
        "created_at": message.created_at,
    }


def _author(message: Message) -> dict[str, Any]:
    name = message.author or (name_of(message.sender) if message.sender is not None else DELETED_ACCOUNT)
    return {"user": message.sender_id, "name": name, "is_bot": message.is_bot}
