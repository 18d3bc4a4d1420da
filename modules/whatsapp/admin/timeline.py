"""The states a message has passed, and what it waits for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.admin_pages.values import written
from modules.whatsapp.choices import Direction, MessageStatus
from modules.whatsapp.models import Message


@dataclass(frozen=True, slots=True)
class Step:
    """One state: when, None while it has not come; a remark; a tone as on the state page."""

    name: str
    at: datetime | None
    remark: str = ""
    tone: str = ""


_ENDS = {
    MessageStatus.FAILED: ("Failed", "danger"),
    MessageStatus.UNKNOWN: ("Unknown", "warning"),
    MessageStatus.CANCELLED: ("Cancelled", "warning"),
}
_OPEN = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)


def timeline(message: Message) -> list[Step]:
    """The steps of a message, in their order."""
    return list(_received(message) if message.direction == Direction.INBOUND else _sent(message))


def _received(message: Message) -> Iterator[Step]:
    yield Step("Sent by the other party", message.sent_at, tone="success")
    yield Step("Received", message.created_at, tone="success")


def _sent(message: Message) -> Iterator[Step]:
    yield Step("Queued", message.created_at, _waits(message), "success")
    if message.send_at is not None:
        yield Step("Scheduled for", message.send_at)
    if message.status == MessageStatus.SENDING:
        yield Step("Sending", None, f"Attempt {message.attempts} is under way.")
    for name, at in (("Sent", message.sent_at), ("Delivered", message.delivered_at), ("Read", message.read_at)):
        if at is not None or message.status in _OPEN:
            yield Step(name, at, tone="success" if at is not None else "")
    if message.status in _ENDS:
        name, tone = _ENDS[MessageStatus(message.status)]
        yield Step(name, message.finished_at, ": ".join(filter(None, (message.error_code, message.error_message))), tone)


def _waits(message: Message) -> str:
    if message.status != MessageStatus.QUEUED:
        return ""
    if message.is_held:
        return "Held: its bulk is paused."
    failed = f" Last error: {message.error_code}." if message.error_code else ""
    failed += " An earlier attempt may have arrived." if message.may_be_sent else ""
    return f"Due at {written(message.next_attempt_at)}.{failed}"
