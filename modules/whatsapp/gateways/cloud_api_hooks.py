"""What Meta calls us with: many changes in one call, of several numbers, each a status of a message or a message."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from modules.whatsapp.choices import MEDIA_TYPES, MessageStatus, MessageType
from modules.whatsapp.gateways.base import Acknowledgement, BadHook, HookPart, Incoming, IncomingFile, Word
from modules.whatsapp.gateways.calling import text_at
from modules.whatsapp.gateways.cloud_api_errors import pauses, status_error

MAX_ID = 128
_STATUSES = {
    "sent": MessageStatus.SENT,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.READ,
    "played": MessageStatus.READ,
    "failed": MessageStatus.FAILED,
}
_NUMBER = re.compile(r"[1-9][0-9]{4,14}")
MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def split(payload: Mapping[str, Any]) -> list[HookPart]:
    """Each status and message of a call. Raises BadHook."""
    changes = [change for entry in _objects(payload, "entry") for change in _objects(entry, "changes")]
    return [part for change in changes if change.get("field", "messages") == "messages" for part in _parts(change.get("value"))]


def words(payload: Mapping[str, Any]) -> list[Word]:
    """What a part says. Raises BadHook."""
    status, message = payload.get("status"), payload.get("message")
    if isinstance(status, dict):
        return _acknowledgement(status)
    if isinstance(message, dict):
        return _incoming(message, text_at(payload, "name"))
    raise BadHook


def _objects(value: Any, key: str, *, needed: bool = True) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    if found is None and isinstance(value, dict) and not needed:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadHook
    return found


def _identifier(value: Any, *path: str) -> str:
    found = text_at(value, *path)
    if not 0 < len(found) <= MAX_ID or not found.isprintable():
        raise BadHook
    return found


def _parts(value: Any) -> list[HookPart]:
    number = _identifier(value, "metadata", "phone_number_id")
    contacts = _objects(value, "contacts", needed=False)
    names = {text_at(contact, "wa_id"): text_at(contact, "profile", "name") for contact in contacts}
    found = [
        HookPart(_event_id(_identifier(status, "id"), _identifier(status, "status")), {"status": status}, number)
        for status in _objects(value, "statuses", needed=False)
    ]
    return found + [
        HookPart(_identifier(message, "id"), {"message": message, "name": names.get(text_at(message, "from"), "")}, number)
        for message in _objects(value, "messages", needed=False)
    ]


def _event_id(message_id: str, status: str) -> str:
    """A message gets each status once. Cutting a long one off would make all its statuses the same."""
    whole = f"{message_id}:{status}"
    return whole if len(whole) <= MAX_ID else hashlib.sha256(whole.encode()).hexdigest()


def _acknowledgement(status: Mapping[str, Any]) -> list[Word]:
    kind = _STATUSES.get(text_at(status, "status"))
    if kind is None:
        return []
    errors = status.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code, message = status_error(first) if kind == MessageStatus.FAILED else ("", "")
    try:
        ours = UUID(text_at(status, "biz_opaque_callback_data"))
    except ValueError:
        ours = None
    provider_id, at = text_at(status, "id"), _moment(status.get("timestamp"))
    rests = kind == MessageStatus.FAILED and pauses(first)
    return [Acknowledgement(kind, at, provider_id, message_id=ours, error_code=code, error_message=message, pauses=rests)]


def _incoming(message: Mapping[str, Any], name: str) -> list[Word]:
    sender, provider_id = text_at(message, "from")[:64], text_at(message, "id")
    if not sender or not provider_id:
        return []
    kind, content, file = _content(message)
    return [
        Incoming(
            provider_id,
            f"+{sender}" if _NUMBER.fullmatch(sender) else sender,
            kind,
            content,
            _moment(message.get("timestamp")),
            chat_id=sender,
            name=name[:100],
            file=file,
            reply_to=text_at(message, "context", "id")[:MAX_ID],
        )
    ]


def _content(message: Mapping[str, Any]) -> tuple[MessageType, str, IncomingFile | None]:
    kind = text_at(message, "type")
    if kind == MessageType.TEXT:
        return MessageType.TEXT, text_at(message, kind, "body"), None
    if kind == "button":
        return MessageType.TEXT, text_at(message, kind, "text"), None
    if kind == "interactive":
        return MessageType.TEXT, text_at(message, kind, text_at(message, kind, "type"), "title"), None
    if kind not in MEDIA_TYPES:
        return MessageType.OTHER, "", None
    reference, mime_type = text_at(message, kind, "id"), text_at(message, kind, "mime_type")
    file = IncomingFile(reference, mime_type[:100], text_at(message, kind, "filename")[:120])
    return MessageType(kind), text_at(message, kind, "caption"), file if MEDIA_ID.fullmatch(reference) else None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
