"""What time does: messages that waited too long fail, files and old rows go, bulks that nobody ended end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from core import files
from core.db.batches import in_batches
from modules.whatsapp import telling
from modules.whatsapp.choices import BulkStatus, MediaStatus, MessageStatus
from modules.whatsapp.models import Bulk, Media, Message
from modules.whatsapp.outcomes import CANCELLED_CODE, finish_bulks, give_units_back, given_up

# A transaction publishes no more events than are written in one step.
BATCH = 200
INBOX_DAYS = 7
ON_THE_QUEUE = (MessageStatus.QUEUED, MessageStatus.SENDING)


@dataclass(frozen=True, slots=True)
class _End:
    """What waits for nothing: which messages, and what becomes of them."""

    code: str
    sentence: str
    status: MessageStatus
    which: Q


def _ends(now: datetime) -> tuple[_End, ...]:
    failed, cancelled = MessageStatus.FAILED, MessageStatus.CANCELLED
    return (
        _End("expired", "The message waited longer than it may.", failed, Q(expires_at__lt=now)),
        _End("account_inactive", "The account was deactivated.", failed, Q(user__is_active=False)),
        _End("driver_changed", "The session has another driver by now.", cancelled, ~Q(driver=F("session__driver"))),
        _End(CANCELLED_CODE, "", cancelled, Q(bulk__status=BulkStatus.CANCELLED)),
    )


_DELETE_EVENTS = """
DELETE FROM whatsapp_inboundevent WHERE id = ANY(ARRAY(
  SELECT id FROM whatsapp_inboundevent WHERE processed_at < %(before)s ORDER BY processed_at LIMIT %(limit)s
))
"""
_DELETE_MESSAGES = """
WITH old AS (
  SELECT id FROM whatsapp_message WHERE created_at < %(before)s AND status NOT IN ('queued', 'sending')
  ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), log AS (
  DELETE FROM whatsapp_messageattempt WHERE message_id IN (SELECT id FROM old)
)
DELETE FROM whatsapp_message WHERE id IN (SELECT id FROM old)
"""


def expire() -> int:
    """End queued messages that will never be sent: past their time, of an inactive account, of a cancelled bulk; how many."""
    return sum(_end(end) for end in _ends(timezone.now()))


def _end(end: _End) -> int:
    total = 0
    while True:
        now = timezone.now()
        with transaction.atomic():
            waiting = Message.objects.filter(end.which, status=MessageStatus.QUEUED).order_by("pk")
            found = list(waiting.select_for_update(no_key=True, of=("self",), skip_locked=True)[:BATCH])
            for message in found:
                message.status = given_up(message) if end.status == MessageStatus.FAILED else end.status
                message.error_code, message.error_message, message.finished_at = end.code, end.sentence, now
            Message.objects.bulk_update(found, ["status", "error_code", "error_message", "finished_at"], BATCH)
            give_units_back(found)
            finish_bulks({message.bulk_id for message in found if message.bulk_id is not None})
            for message in found:
                telling.message_changed(message, now)
        total += len(found)
        if len(found) < BATCH:
            return total


def finish() -> int:
    """End bulks whose last messages two processes settled at the same time; how many."""
    waiting = Message.objects.filter(bulk=OuterRef("pk"), status__in=ON_THE_QUEUE)
    with transaction.atomic():
        return finish_bulks(Bulk.objects.filter(~Exists(waiting), status=BulkStatus.RUNNING).values_list("pk", flat=True)[:BATCH])


def purge() -> int:
    """Remove files past their retention, and rows that have no use any more; how many."""
    return _purge_files() + _purge_inbox() + _purge_messages()


def _purge_files() -> int:
    before = timezone.now() - timedelta(days=settings.WHATSAPP_MEDIA_RETENTION_DAYS)
    # Messages may be scheduled for longer than files are kept.
    waiting = Message.objects.filter(media=OuterRef("pk"), status__in=ON_THE_QUEUE)
    total = 0
    while True:
        # The row is changed before the file is removed: killed in between, a file is left that nobody can reach.
        old = Media.objects.filter(~Exists(waiting), created_at__lt=before).exclude(file="")
        found = list(old.values_list("pk", "file")[:BATCH])
        Media.objects.filter(pk__in=[pk for pk, _ in found]).update(status=MediaStatus.EXPIRED, file="")
        for _, name in found:
            files.remove(name)
        total += len(found)
        if len(found) < BATCH:
            return total


def _purge_inbox() -> int:
    return in_batches(_DELETE_EVENTS, {"before": timezone.now() - timedelta(days=INBOX_DAYS)}, BATCH)


def _purge_messages() -> int:
    if not settings.WHATSAPP_MESSAGE_RETENTION_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.WHATSAPP_MESSAGE_RETENTION_DAYS)
    return in_batches(_DELETE_MESSAGES, {"before": before}, BATCH)
