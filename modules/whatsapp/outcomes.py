"""Writing down what became of attempts: where their messages stand now, what rests for it, what is told.

Locks are taken in one order: sessions, then messages, then contacts, each sorted; the streams of owners come with the commit.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from analytics.services import return_messages
from core.ids import uuid7
from modules.whatsapp import bell, telling
from modules.whatsapp.attempting import Outcome
from modules.whatsapp.choices import MEDIA_TYPES, BulkStatus, MessageStatus, SessionStatus
from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.models import Bulk, InboundEvent, Message, MessageAttempt, WhatsAppSession

# Seconds before the second try, the third, and so on.
DELAYS = (5, 15, 60, 300, 900, 1800, 3600, 3600)
# It is the time of the message that ends its tries (WHATSAPP_QUEUE_HOURS); this is beyond any.
MAX_TRIES = 40
MAX_WAIT = 3600.0
JITTER = 0.2
REST = timedelta(minutes=30)
CANCELLED_CODE = "cancelled_by_owner"
_chance = random.SystemRandom()
# What an outcome changes, with its type in PostgreSQL.
_CHANGED = {
    "status": "varchar",
    "error_code": "varchar",
    "error_message": "varchar",
    "next_attempt_at": "timestamptz",
    "lease_until": "timestamptz",
    "tries": "int",
    "provider_id": "varchar",
    "is_held": "boolean",
    "may_be_sent": "boolean",
    "sent_at": "timestamptz",
    "finished_at": "timestamptz",
}
_UPDATE = f"""
UPDATE whatsapp_message m SET {", ".join(f"{name} = n.{name}" for name in _CHANGED)}
FROM unnest(%s::uuid[], {", ".join(f"%s::{kind}[]" for kind in _CHANGED.values())}) AS n(id, {", ".join(_CHANGED)})
WHERE m.id = n.id
"""
_CONTACTS = """
INSERT INTO whatsapp_contact AS kept
  (id, session_id, phone_number, chat_id, name, last_outbound_at, opt_out_source, created_at, updated_at)
SELECT n.id, n.session_id, n.phone_number, n.chat_id, '', n.at, '', n.at, n.at
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[]) AS n(id, session_id, phone_number, chat_id, at)
ON CONFLICT (session_id, phone_number) DO UPDATE SET
  last_outbound_at = greatest(kept.last_outbound_at, excluded.last_outbound_at), updated_at = excluded.updated_at,
  chat_id = CASE WHEN excluded.chat_id <> '' THEN excluded.chat_id ELSE kept.chat_id END
"""
_FINISH_BULKS = """
UPDATE whatsapp_bulk b SET status = 'finished', finished_at = %s, updated_at = %s
WHERE b.id = ANY(ARRAY(SELECT id FROM whatsapp_bulk WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))
  AND b.status = 'running'
  AND NOT EXISTS (SELECT 1 FROM whatsapp_message m WHERE m.bulk_id = b.id AND m.status IN ('queued', 'sending'))
RETURNING b.id
"""


def settle(outcomes: Sequence[Outcome]) -> None:
    """Write outcomes in one transaction. A message that is gone meanwhile is passed over."""
    now = timezone.now()
    with transaction.atomic():
        _rest(outcomes, now)
        found = Message.objects.select_for_update(no_key=True, of=("self",)).order_by("pk")
        rows = {row.pk: row for row in found.filter(pk__in=[one.message_id for one in outcomes])}
        before = {row.pk: row.status for row in rows.values()}
        # By the row: where two attempts of a message end together the later one has the say.
        changed = {row.pk: row for one in outcomes if (row := rows.get(one.message_id)) is not None and _apply(row, one, now)}
        _obey_bulks(changed.values(), now)
        _write(list(changed.values()))
        told = [row for row in changed.values() if row.status not in (before[row.pk], MessageStatus.QUEUED)]
        _log(outcomes, rows)
        _touch_contacts(outcomes, rows, now)
        _play_sandbox(outcomes, now)
        give_units_back(told)
        finish_bulks({row.bulk_id for row in told if row.bulk_id is not None})
        for row in told:
            telling.message_changed(row, now)


def give_units_back(messages: Iterable[Message]) -> None:
    """A message that failed, or was taken back, before it was sent does not count. One that may have been sent does."""
    units: Counter[tuple[UUID, date]] = Counter()
    media: Counter[tuple[UUID, date]] = Counter()
    ended = []
    for message in messages:
        unsent = message.status in (MessageStatus.FAILED, MessageStatus.CANCELLED) and message.sent_at is None
        if unsent and not message.may_be_sent and message.quota_day is not None:
            key = message.user_id, message.quota_day
            units[key] += 1
            media[key] += message.message_type in MEDIA_TYPES
            message.quota_day = None
            ended.append(message.pk)
    if ended:
        Message.objects.filter(pk__in=ended).update(quota_day=None)
    for (user_id, day), count in sorted(units.items()):
        return_messages(user_id=user_id, day=day, messages=count, media=media[(user_id, day)])


def finish_bulks(bulks: Iterable[UUID]) -> int:
    """End the bulks that have no message on the queue any more; how many."""
    wanted = sorted(bulks)
    if not wanted:
        return 0
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_FINISH_BULKS, [now, now, wanted])
        ended = [row[0] for row in cursor.fetchall()]
    for bulk in Bulk.objects.filter(pk__in=ended).select_related("session"):
        telling.bulk_changed(bulk)
    return len(ended)


def _apply(row: Message, one: Outcome, now: datetime) -> bool:
    """Change a message by an outcome; whether it was changed."""
    if one.receipt is not None:
        return _arrived(row, one, now)
    if row.status != MessageStatus.SENDING or row.attempts != one.number or one.error is None:
        # A later attempt has the say, or an acknowledgement was quicker.
        return False
    row.lease_until = None
    verdict = one.error.verdict
    row.may_be_sent |= verdict is Verdict.AMBIGUOUS
    if verdict is Verdict.AMBIGUOUS and one.is_repeatable:
        verdict = Verdict.RETRY
    row.error_code, row.error_message = one.error.code[:64], one.error.message[:300]
    if verdict is Verdict.AMBIGUOUS:
        row.status, row.finished_at = MessageStatus.UNKNOWN, now
    elif verdict is Verdict.FAIL or (verdict is Verdict.RETRY and one.tries >= MAX_TRIES):
        row.status, row.finished_at = given_up(row), now
    else:
        # What the number or its owner must mend first is no fault of the message.
        row.tries -= verdict is not Verdict.RETRY
        row.status, row.next_attempt_at = MessageStatus.QUEUED, now + _wait(one, verdict)
    return True


def given_up(message: Message) -> MessageStatus:
    """What becomes of a message that is not tried again: nobody may say that it was not sent where one try may have sent it."""
    return MessageStatus.UNKNOWN if message.may_be_sent else MessageStatus.FAILED


def _obey_bulks(rows: Iterable[Message], now: datetime) -> None:
    """What goes back to the queue goes where its bulk is by now: paused, or cancelled."""
    back = [row for row in rows if row.status == MessageStatus.QUEUED and row.bulk_id is not None]
    states: dict[UUID | None, str] = (
        dict(Bulk.objects.filter(pk__in={row.bulk_id for row in back}).values_list("pk", "status")) if back else {}
    )
    for row in back:
        row.is_held = states.get(row.bulk_id) == BulkStatus.PAUSED
        if states.get(row.bulk_id) == BulkStatus.CANCELLED:
            row.status, row.error_code, row.finished_at = MessageStatus.CANCELLED, CANCELLED_CODE, now


def _write(rows: Sequence[Message]) -> None:
    if rows:
        columns = [[getattr(row, name) for row in rows] for name in _CHANGED]
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [[row.pk for row in rows], *columns])


def _arrived(row: Message, one: Outcome, now: datetime) -> bool:
    assert one.receipt is not None  # noqa: S101 - the caller looked
    row.provider_id = row.provider_id or one.receipt.provider_id
    row.sent_at = row.sent_at or now
    if row.status in (MessageStatus.SENDING, MessageStatus.QUEUED, MessageStatus.UNKNOWN, MessageStatus.CANCELLED):
        row.status, row.lease_until, row.error_code, row.error_message = MessageStatus.SENT, None, "", ""
        row.finished_at = None
    return True


def _wait(one: Outcome, verdict: Verdict) -> timedelta:
    """Until the next try, with jitter, so that what failed together does not come back together."""
    if verdict in (Verdict.PAUSE, Verdict.ACTION):
        return timedelta(0)
    error: GatewayError = one.error  # type: ignore[assignment]  # the caller looked
    seconds: float = float(error.wait_base**one.tries) if error.wait_base else DELAYS[min(one.tries, len(DELAYS)) - 1]
    if error.retry_after:
        seconds = max(seconds, error.retry_after)
    return timedelta(seconds=min(seconds, MAX_WAIT) * _chance.uniform(1 - JITTER, 1 + JITTER))


def _rest(outcomes: Sequence[Outcome], now: datetime) -> None:
    rest(
        {
            one.session_id: one.error
            for one in outcomes
            if one.error is not None and one.error.verdict in (Verdict.PAUSE, Verdict.ACTION)
        },
        now,
    )


def rest(reasons: Mapping[UUID, GatewayError], now: datetime) -> None:
    """Pause the numbers that must rest, and stop the sessions that somebody must mend, in the caller's transaction."""
    if not reasons:
        return
    found = WhatsAppSession.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=reasons).order_by("pk")
    for session in found:
        error = reasons[session.pk]
        session.status_reason, session.status_detail = error.code[:64], error.message[:255]
        if error.verdict is Verdict.PAUSE:
            session.paused_until, session.pause_reason = now + REST, error.code[:64]
        elif session.status == SessionStatus.CONNECTED:
            session.status, session.status_changed_at = SessionStatus.ACTION_REQUIRED, now
            session.care_due_at = now + REST
        session.save()
        telling.session_changed(session)


def _log(outcomes: Sequence[Outcome], rows: dict[UUID, Message]) -> None:
    MessageAttempt.objects.bulk_create(
        [
            MessageAttempt(
                message_id=one.message_id,
                number=one.number,
                started_at=one.started_at,
                duration_ms=one.duration_ms,
                error_code=one.error.code[:64],
                error_message=one.error.message[:300],
            )
            for one in outcomes
            if one.error is not None and one.message_id in rows
        ],
        ignore_conflicts=True,
    )


def _touch_contacts(outcomes: Sequence[Outcome], rows: dict[UUID, Message], now: datetime) -> None:
    """When each was last written to, and under which id; one row each, sorted, so that two of these cannot block each other."""
    reached: dict[tuple[UUID, str], str] = {}
    for one in outcomes:
        if one.receipt is not None and (row := rows.get(one.message_id)) is not None:
            reached[(row.session_id, row.recipient)] = one.receipt.chat_id
    if reached:
        keys = sorted(reached)
        with connection.cursor() as cursor:
            chats, moments = [reached[key] for key in keys], [now] * len(keys)
            cursor.execute(
                _CONTACTS, [[uuid7() for _ in keys], [key[0] for key in keys], [key[1] for key in keys], chats, moments]
            )


def _play_sandbox(outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the sandbox will say comes through the inbox, as with a real gateway."""
    parts = [
        InboundEvent(
            session_id=one.session_id,
            driver="sandbox",
            event_id=f"{one.message_id.hex}:{one.number}:{place}",
            payload=followup.payload,
            due_at=now + timedelta(seconds=followup.after),
        )
        for one in outcomes
        if one.receipt is not None
        for place, followup in enumerate(one.receipt.followups)
    ]
    if parts:
        InboundEvent.objects.bulk_create(parts, ignore_conflicts=True)
        bell.INBOX.ring_after_commit()
