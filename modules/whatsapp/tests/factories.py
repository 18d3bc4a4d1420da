"""Sessions and messages for tests, made through the services wherever that matters."""

from datetime import timedelta
from io import BytesIO
from typing import Any

from django.utils import timezone

from analytics.models import UsageStats
from core.tests.file_samples import PDF
from events.models import Event
from modules.whatsapp.choices import MessageType, SessionStatus, Wish
from modules.whatsapp.fetching import FileFetcher
from modules.whatsapp.inbox import work_off
from modules.whatsapp.models import InboundEvent, Media, Message, WhatsAppSession
from modules.whatsapp.sending import MessageSender
from modules.whatsapp.services import media, messages
from modules.whatsapp.services.messages import Draft
from users.models import User

NUMBERS = [f"+1415555{number}" for number in range(2671, 2799)]
ALICE = NUMBERS[0]


def connected(user: User, *, environment: str = "live", **fields: Any) -> WhatsAppSession:
    """A connected session without a pace."""
    standing = {"wish": Wish.CONNECTED, "status": SessionStatus.CONNECTED, "phone_number": "+15550100000"}
    defaults = {"driver": "sandbox", "messages_per_second": 0.0, **standing}
    return WhatsAppSession.objects.create(user=user, environment=environment, **{**defaults, **fields})


def send(user: User, recipient: str = ALICE, content: str = "hello", *, environment: str = "live", **fields: Any) -> Message:
    """An accepted text."""
    return messages.send(
        user_id=user.pk, environment=environment, recipient=recipient, draft=Draft(MessageType.TEXT, content, **fields)
    )


def send_all() -> int:
    """Let a sender work until nothing is due; how many attempts."""
    sender = MessageSender()
    try:
        return sender.drain()
    finally:
        sender.finish()


def fetch_all() -> int:
    """Let a fetcher work until nothing is due; how many attempts."""
    fetcher = FileFetcher()
    try:
        return fetcher.drain()
    finally:
        fetcher.finish()


def hear_all() -> int:
    """Work off the inbox, as if everything were due; how many."""
    InboundEvent.objects.filter(processed_at=None).update(due_at=timezone.now() - timedelta(seconds=1))
    return work_off()


def reload(row: Any) -> Any:
    """The row as it is now."""
    return type(row).objects.get(pk=row.pk)


def aged(row: Any, **fields: float) -> None:
    """Move moments of a row into the past, by so many days each."""
    moved = {name: timezone.now() - timedelta(days=days) for name, days in fields.items()}
    type(row).objects.filter(pk=row.pk).update(**moved)


def uploaded(user: User) -> Media:
    """A file of theirs."""
    return media.upload(user_id=user.pk, kind=MessageType.DOCUMENT, content=BytesIO(PDF), size=len(PDF), filename="a.pdf")


def send_file(user: User, file: Media, **more: Any) -> Message:
    """An accepted message with a file."""
    draft = Draft(MessageType.DOCUMENT, media=file, **more)
    return messages.send(user_id=user.pk, environment="live", recipient=ALICE, draft=draft)


def used(user: User) -> tuple[int, int]:
    """How many messages, and how many with files, count against their quota."""
    stats = UsageStats.objects.get(user=user)
    return stats.messages_sent, stats.media_sent


def told(user: User) -> list[str]:
    """The types of what they were told, in order."""
    found = Event.objects.filter(stream=f"user:{user.pk}", type__startswith="whatsapp.").order_by("seq")
    return [name.removeprefix("whatsapp.") for name in found.values_list("type", flat=True)]
