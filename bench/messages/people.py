"""Accounts with a connected sandbox session each, their keys, and messages that wait."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from api_keys import services as keys
from modules.whatsapp import bell
from modules.whatsapp.choices import MessageType, SessionStatus, Wish
from modules.whatsapp.models import Message, WhatsAppSession
from modules.whatsapp.services.messages import Draft, build
from users.models import User

NUMBERS = [f"+1415555{number}" for number in range(2000, 7000)]
A_TIME = 2000


def make_sessions(name: str, count: int, **fields: Any) -> list[WhatsAppSession]:
    """Connected, and as fast as they can unless told otherwise."""
    users = User.objects.bulk_create(
        User(username=f"{name}{n}", email=f"{name}{n}@example.com", max_messages_per_day=1_000_000_000) for n in range(count)
    )
    shape: dict[str, Any] = {
        "wish": Wish.CONNECTED,
        "status": SessionStatus.CONNECTED,
        "phone_number": "+15550100000",
        "messages_per_second": 0.0,
    }
    made: list[WhatsAppSession] = WhatsAppSession.objects.bulk_create(
        WhatsAppSession(user=user, **{**shape, **fields}) for user in users
    )
    return made


def make_key(session: WhatsAppSession) -> str:
    """A key of the session's owner that no limit stops."""
    made = keys.create_key(
        owner=session.user,
        actor=session.user,
        name="bench",
        scopes=["whatsapp:send", "whatsapp:read"],
        rate_limit=1_000_000_000,
        daily_quota=2_000_000_000,
    )
    return str(made.raw)


def queue(sessions: Sequence[WhatsAppSession], count: int) -> None:
    """So many messages over the sessions, as they wait when they were accepted; no sender sees a part of them."""
    today, draft = timezone.now().date(), Draft(MessageType.TEXT, "Your order is on its way.")
    rows = [
        build(sessions[n % len(sessions)], NUMBERS[(n // len(sessions)) % len(NUMBERS)], draft, day=today) for n in range(count)
    ]
    Message.objects.bulk_create(rows, A_TIME)


def connect(sessions: Sequence[WhatsAppSession], *, connected: bool = True) -> None:
    """Let what waits go, or hold it."""
    status = SessionStatus.CONNECTED if connected else SessionStatus.DISCONNECTED
    WhatsAppSession.objects.filter(pk__in=[one.pk for one in sessions]).update(status=status, paced_until=timezone.now())
    bell.MESSAGES.ring()


def waiting(sessions: Sequence[WhatsAppSession]) -> int:
    """How many messages are not sent yet."""
    mine = Message.objects.filter(session__in=sessions, status__in=("queued", "sending"))
    return int(mine.count())


def forget() -> None:
    """Delete all messages, contacts and events, and the sessions too."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE whatsapp_whatsappsession, whatsapp_message, whatsapp_contact, whatsapp_inboundevent CASCADE")
