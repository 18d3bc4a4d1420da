"""Reads over several models: how far bulks are, messages by hour, what is overdue, and what a person who types a number means."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q

from core.db.hours import count_by_hour
from core.validators import normalize_phone_number
from modules.whatsapp.choices import MediaStatus, MessageStatus, SessionStatus, Wish
from modules.whatsapp.models import Bulk, Message

MAX_FOUND = 500
_OUTCOMES = {
    "arrived": "status IN ('sent', 'delivered', 'read')",
    "failed": "status IN ('failed', 'unknown')",
    "cancelled": "status = 'cancelled'",
    "waiting": "status IN ('queued', 'sending')",
    "received": "status = 'received'",
}
# Every index on these begins with an account or a session, so each account is asked for the few rows it has.
_MESSAGES_BY_TEXT = """
SELECT m.id FROM whatsapp_message m
WHERE m.user_id = ANY(ARRAY(SELECT DISTINCT user_id FROM whatsapp_whatsappsession)) AND m.recipient = ANY(%(numbers)s)
UNION
SELECT m.id FROM whatsapp_message m
WHERE m.user_id = ANY(ARRAY(SELECT DISTINCT user_id FROM whatsapp_whatsappsession))
  AND m.client_reference = %(text)s AND m.client_reference <> ''
UNION
SELECT m.id FROM whatsapp_message m
WHERE m.session_id = ANY(ARRAY(SELECT id FROM whatsapp_whatsappsession)) AND m.provider_id = %(text)s AND m.provider_id <> ''
ORDER BY id DESC LIMIT %(limit)s
"""
_CONTACTS_BY_NUMBER = """
SELECT c.id FROM whatsapp_contact c
WHERE c.session_id = ANY(ARRAY(SELECT id FROM whatsapp_whatsappsession)) AND c.phone_number = ANY(%(numbers)s)
ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """What became of the messages that were accepted, and came in, in one hour."""

    start: datetime
    arrived: int
    failed: int
    cancelled: int
    waiting: int
    received: int


def progress(bulk: Bulk) -> dict[str, int]:
    """How many messages of a bulk stand where."""
    rows = Message.objects.filter(bulk=bulk).order_by().values_list("status").annotate(count=Count("pk"))
    found: dict[str, int] = dict(rows)
    return {status.value: found.get(status.value, 0) for status in MessageStatus if status != MessageStatus.RECEIVED}


def messages_by_hour(end: datetime, hours: int) -> list[Hour]:
    """The last `hours` hours up to the one `end` is in, oldest first."""
    return [Hour(*row) for row in count_by_hour("whatsapp_message", _OUTCOMES, end, hours)]


def progress_of(bulks: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """How many messages of each bulk stand where; statuses without any are left out."""
    rows = Message.objects.filter(bulk__in=bulks).order_by().values_list("bulk_id", "status").annotate(count=Count("pk"))
    found: dict[UUID, dict[str, int]] = {key: {} for key in bulks}
    for key, status, count in rows:
        found[key][status] = count
    return found


def sending_rate(now: datetime, minutes: int, since: datetime) -> float:
    """Messages sent a minute in the last `minutes`, of those accepted after `since`."""
    sent = Message.objects.filter(created_at__gte=since, sent_at__gte=now - timedelta(minutes=minutes), direction="outbound")
    return float(sent.count() / minutes)


def overdue(before: datetime) -> Any:
    """Messages that were due then and that nothing keeps: no pause, no pace, no file, no earlier one to the same recipient."""
    earlier = Message.objects.filter(
        Q(position__lt=OuterRef("position")) | Q(position=OuterRef("position"), pk__lt=OuterRef("pk")),
        session=OuterRef("session"),
        recipient=OuterRef("recipient"),
        driver=OuterRef("driver"),
        status__in=(MessageStatus.QUEUED, MessageStatus.SENDING),
        is_held=False,
    )
    return Message.objects.filter(
        Q(session__paused_until=None) | Q(session__paused_until__lt=before),
        Q(media=None) | ~Q(media__status=MediaStatus.PENDING),
        ~Exists(earlier),
        status=MessageStatus.QUEUED,
        is_held=False,
        next_attempt_at__lt=before,
        driver=F("session__driver"),
        session__ready_at__lt=before,
        session__status=SessionStatus.CONNECTED,
        session__wish=Wish.CONNECTED,
        session__is_suspended=False,
        session__user__is_active=True,
    ).order_by()


def find_messages(text: str) -> list[UUID]:
    """The newest MAX_FOUND messages with a number, a reference of the sender's or a gateway's id, whosever they are."""
    return _found(_MESSAGES_BY_TEXT, text)


def find_contacts(text: str) -> list[UUID]:
    """The newest MAX_FOUND contacts with a number, whosever they are."""
    return _found(_CONTACTS_BY_NUMBER, text)


def numbers_meant(text: str) -> list[str]:
    """What somebody who types a number may mean: the text as it is, and as a number where it is one, plus sign or not."""
    found = {text}
    for form in (text, f"+{text}"):
        try:
            found.add(normalize_phone_number(form))
        except ValidationError:
            continue
    return sorted(found)


def _found(statement: str, text: str) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"text": text, "numbers": numbers_meant(text), "limit": MAX_FOUND})
        return [row[0] for row in cursor.fetchall()]
