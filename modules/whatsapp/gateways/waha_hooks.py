"""What a WAHA server tells: its calls are checked and cut down to what is read of them when they come in, and read later.

Its engines call a message by ids of different shapes; what is the same in all of them is the KEY inside, and that is kept.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from modules.whatsapp.choices import MessageStatus, MessageType
from modules.whatsapp.gateways.base import (
    Acknowledgement,
    BadHook,
    HookPart,
    Incoming,
    IncomingFile,
    SessionNews,
    Word,
)
from modules.whatsapp.gateways.calling import text_at

T = TypeVar("T")
EVENTS = ("session.status", "message", "message.ack")
MAX_ID = 128
MAX_URL = 1000
_ACKS = {
    1: MessageStatus.SENT,
    2: MessageStatus.DELIVERED,
    3: MessageStatus.READ,
    4: MessageStatus.READ,
    -1: MessageStatus.FAILED,
}
_SERIALIZED = re.compile(r"(?:true|false)_[^_]+@[a-z.]+_([^_]+)(?:_.+)?")
_PERSON = re.compile(r"([0-9]{5,15})(?::[0-9]{1,5})?@(?:c\.us|s\.whatsapp\.net)")
_HIDDEN_PERSON = re.compile(r"[0-9]{5,40}@lid")
# Before there was a WhatsApp, or beyond what any clock says.
_FIRST, _LAST = 1_230_768_000, 4_102_444_800


def key_of(value: Any) -> str:
    """The KEY in whatever an engine calls a message: text, `id` text, `id._serialized`, `id.id`, `key.id`; empty without one."""
    found = value if isinstance(value, str) else ""
    for path in (("id",), ("id", "_serialized"), ("id", "id"), ("key", "id")):
        found = found or text_at(value, *path)
    match = _SERIALIZED.fullmatch(found)
    key = match.group(1) if match else found
    return key if len(key) <= MAX_ID and key.isascii() and key.isprintable() else ""


def number_of(chat: str) -> str:
    """The number (E.164) of a person's chat; empty where it does not tell."""
    person = _PERSON.fullmatch(chat)
    return f"+{person.group(1)}" if person else ""


def split(payload: Mapping[str, Any]) -> Sequence[HookPart]:
    """The one thing a call tells, if it is of use. Raises BadHook where it is of another shape."""
    event_id, event = text_at(payload, "id"), text_at(payload, "event")
    if not event_id or len(event_id) > MAX_ID or not event_id.isprintable():
        raise BadHook
    if event not in EVENTS:
        return []
    inner = payload.get("payload")
    if not isinstance(inner, dict):
        raise BadHook
    if event == "message.ack":
        kept = _acknowledgement(payload, inner)
    elif event == "message":
        kept = _message(inner)
    else:
        kept = {}
    return [] if kept is None else [HookPart(event_id, {"event": event, **kept})]


def read(kept: Mapping[str, Any]) -> Sequence[Word]:
    """What `split` kept. Raises BadHook where it did not."""
    try:
        return [_READERS[kept["event"]](kept)]
    except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
        raise BadHook from error


# Longer than WhatsApp lets anybody write.
MAX_BODY = 65_536


def _acknowledgement(payload: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any] | None:
    ack = _typed(inner, "ack", int, default=0)
    key = _key(inner)
    if ack not in _ACKS or not _typed(inner, "fromMe", bool, default=True):
        return None
    return {"at": _seconds(payload.get("timestamp"), 1000), "key": key, "ack": ack}


def _message(inner: Mapping[str, Any]) -> dict[str, Any] | None:
    """Groups and stories are no conversations with a recipient."""
    key, chat = _key(inner), _typed(inner, "from", str, default="")
    number = number_of(chat)
    kept = {
        "at": _seconds(inner.get("timestamp"), 1),
        "key": key,
        "number": number,
        "chat": f"{number[1:]}@c.us" if number else chat,
        "body": _text(inner, "body")[:MAX_BODY],
        "reply_to": key_of(inner.get("replyTo")),
        "media": _media(inner),
    }
    if _typed(inner, "fromMe", bool, default=False) or not (number or _HIDDEN_PERSON.fullmatch(chat)):
        return None
    return kept


def _media(inner: Mapping[str, Any]) -> dict[str, str] | None:
    media = _typed(inner, "media", dict, default={})
    found = {"url": _text(media, "url"), "mime_type": _text(media, "mimetype")[:100], "filename": _text(media, "filename")[:120]}
    if len(found["url"]) > MAX_URL:
        found["url"] = ""
    return found if _typed(inner, "hasMedia", bool, default=False) else None


def _typed(value: Mapping[str, Any], name: str, kind: type[T], *, default: T) -> T:
    """A field that may be left out or null, but not be of another type. True is no number."""
    found = value.get(name)
    if found is None:
        return default
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise BadHook
    return found


def _text(value: Mapping[str, Any], name: str) -> str:
    """A text, without what the database takes for none."""
    return _typed(value, name, str, default="").encode("utf-8", "replace").decode().replace("\x00", "")


def _key(inner: Mapping[str, Any]) -> str:
    if not (key := key_of(inner)):
        raise BadHook
    return key


def _seconds(value: Any, divisor: int) -> float | None:
    """A moment; none where the clock it is from is out of its mind."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadHook
    return value / divisor if math.isfinite(value) and _FIRST <= value / divisor <= _LAST else None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _read_acknowledgement(kept: Mapping[str, Any]) -> Word:
    status, key = _ACKS[kept["ack"]], kept["key"]
    failed = ("rejected_by_whatsapp", "WhatsApp did not take the message.") if status == MessageStatus.FAILED else ("", "")
    return Acknowledgement(status, _moment(kept["at"]), key, key, None, *failed)


def _read_message(kept: Mapping[str, Any]) -> Word:
    media, file, kind = kept["media"], None, MessageType.TEXT
    if media is not None:
        kind = _kind(media["mime_type"])
        file = IncomingFile(media["url"], media["mime_type"], media["filename"]) if media["url"] else None
    elif not kept["body"]:
        # A place, a sticker's removal, a poll: nothing that is shown here.
        kind = MessageType.OTHER
    return Incoming(
        provider_id=kept["key"],
        sender=kept["number"] or kept["chat"],
        kind=kind,
        content=kept["body"],
        at=_moment(kept["at"]),
        chat_id=kept["chat"],
        file=file,
        reply_to=kept["reply_to"],
    )


def _kind(mime_type: str) -> MessageType:
    main = mime_type.partition("/")[0]
    return MessageType(main) if main in ("image", "video", "audio") else MessageType.DOCUMENT


_READERS: dict[str, Callable[[Mapping[str, Any]], Word]] = {
    "session.status": lambda _: SessionNews(),
    "message.ack": _read_acknowledgement,
    "message": _read_message,
}
