"""Working off what gateways told: acknowledgements, messages that came in, news of sessions. Each once, in whatever order.

An acknowledgement may be quicker than the answer that names the message: one that fits none yet is looked at again a few times.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Min, Q
from django.utils import timezone

from core.bell import SWEEP_SECONDS, Bell
from core.dispatcher import Worker
from modules.whatsapp import bell, telling
from modules.whatsapp.choices import FORWARD, Direction, MessageStatus
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import Acknowledgement, BadHook, GatewayError, Incoming, SessionNews, Verdict, Word
from modules.whatsapp.models import InboundEvent, Message, WhatsAppSession
from modules.whatsapp.outcomes import finish_bulks, give_units_back, rest
from modules.whatsapp.receiving import Receiver

log = logging.getLogger(__name__)
BATCH = 100
# Hops through the index from session to session: one with many events does not hide the others.
_DUE = """
WITH RECURSIVE waiting AS (
  (SELECT session_id AS id FROM whatsapp_inboundevent WHERE processed_at IS NULL ORDER BY session_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT session_id FROM whatsapp_inboundevent
    WHERE processed_at IS NULL AND session_id > waiting.id ORDER BY session_id LIMIT 1
  ) FROM waiting WHERE id IS NOT NULL
)
SELECT w.id FROM waiting w WHERE EXISTS (
  SELECT 1 FROM whatsapp_inboundevent e WHERE e.session_id = w.id AND e.processed_at IS NULL AND e.due_at <= %(now)s
) ORDER BY random() LIMIT 200
"""
MAX_TRIES = 6
NO_SUCH_MESSAGE = "no such message"


class Inbox(Worker):
    """Works off the inbox."""

    bell: ClassVar[Bell] = bell.INBOX
    name = "whatsapp-inbox"

    def turn(self) -> None:
        """All that is due."""
        while not self.stopping.is_set() and work_off():
            continue

    def rest(self) -> float:
        """Until the next word of the sandbox is due."""
        due = InboundEvent.objects.filter(processed_at=None).aggregate(next=Min("due_at"))["next"]
        return SWEEP_SECONDS if due is None else min(SWEEP_SECONDS, max(0.0, (due - timezone.now()).total_seconds()))


def work_off(limit: int = BATCH) -> int:
    """Take what is due, session by session, up to `limit` of each; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": timezone.now()})
        sessions = [row[0] for row in cursor.fetchall()]
    return sum(_work_off(session_id, limit) for session_id in sessions)


def _work_off(session_id: UUID, limit: int) -> int:
    """One session's. If its events cannot be taken together, one by one."""
    try:
        return _take(session_id, limit)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("What a gateway told of session %s could not be worked off together", session_id)
        taken = 0
        while taken < limit and _take(session_id, 1, alone=True):
            taken += 1
        return taken


def _take(session_id: UUID, limit: int, *, alone: bool = False) -> int:
    now = timezone.now()
    with transaction.atomic():
        if not _alone_with(session_id):
            return 0
        waiting = InboundEvent.objects.filter(session_id=session_id, processed_at=None, due_at__lte=now)
        found = list(waiting.order_by("due_at", "id")[:limit])
        heard = _heard(found, now)
        try:
            with transaction.atomic(savepoint=alone):
                _obey(session_id, heard, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if not alone:
                raise
            log.exception("Gateway event %s could not be worked off", found[0].pk)
            _later(found[0], now, type(error).__name__ if isinstance(error, DatabaseError) else str(error)[:300])
        InboundEvent.objects.bulk_update(found, ["processed_at", "due_at", "tries", "error"])
    return len(found)


def _alone_with(session_id: UUID) -> bool:
    """Whether no other inbox works for the session: then locks below it have one order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 4772))", [str(session_id)])
        return bool(cursor.fetchone()[0])


def _heard(events: Sequence[InboundEvent], now: datetime) -> list[tuple[InboundEvent, Word]]:
    """What the events say. One that cannot be understood is done with."""
    heard = []
    for event in events:
        try:
            heard += [(event, word) for word in gateway(event.driver).read(event.payload)]
            event.processed_at, event.error = now, ""
        except BadHook:
            event.processed_at, event.error = now, "not understood"
    return heard


def _obey(session_id: UUID, heard: Sequence[tuple[InboundEvent, Word]], now: datetime) -> None:
    """Sessions first, then messages, then contacts, as everywhere (modules.whatsapp.outcomes)."""
    words = [word for _, word in heard]
    if any(isinstance(word, SessionNews) for word in words):
        WhatsAppSession.objects.filter(pk=session_id, wish="connected", is_suspended=False).update(care_due_at=now)
        bell.SESSIONS.ring_after_commit()
    pausing = [word for word in words if isinstance(word, Acknowledgement) and word.pauses]
    if pausing:
        rest({session_id: GatewayError(Verdict.PAUSE, pausing[-1].error_code, pausing[-1].error_message)}, now)
    messages = _messages(session_id, [word for word in words if isinstance(word, Acknowledgement)])
    incoming = [word for word in words if isinstance(word, Incoming)]
    receiver = Receiver(session_id, incoming) if incoming else None
    for event, word in heard:
        match word:
            case Acknowledgement():
                if not acknowledge(messages, word, now):
                    _later(event, now, NO_SUCH_MESSAGE)
            case Incoming() if receiver is not None:
                receiver.receive(word, now)


def _later(event: InboundEvent, now: datetime, error: str) -> None:
    event.tries += 1
    event.error = error
    if event.tries >= MAX_TRIES:
        event.processed_at = now
    else:
        event.processed_at, event.due_at = None, now + timedelta(seconds=2**event.tries)


def acknowledge(messages: "Known", word: Acknowledgement, now: datetime) -> bool:
    """Move a message on, forward only; False where none fits."""
    message = messages.find(word)
    if message is None:
        return False
    at = min(word.at or now, now)
    message.provider_id = message.provider_id or word.provider_id
    # What never was with a gateway cannot have come anywhere.
    was_there = message.status != MessageStatus.QUEUED or message.attempts > 0
    changed = message.status in FORWARD[word.status] and was_there
    if changed:
        message.status, message.lease_until = word.status, None
        message.error_code, message.error_message = word.error_code[:64], word.error_message[:300]
    if word.status != MessageStatus.FAILED:
        # `delivered` may be skipped, and `sent` may come last.
        message.sent_at = message.sent_at or at
        message.delivered_at = message.delivered_at or (at if word.status == MessageStatus.DELIVERED else None)
        message.read_at = message.read_at or (at if word.status == MessageStatus.READ else None)
    if changed:
        message.finished_at = now if word.status == MessageStatus.FAILED else None
    message.save()
    if changed:
        give_units_back([message])
        finish_bulks([message.bulk_id] if message.bulk_id is not None else [])
        telling.message_changed(message, at)
    return True


class Known:
    """The messages that a batch of acknowledgements may be about, locked, by each name they have."""

    def __init__(self, rows: Sequence[Message]) -> None:
        self._by_id = {row.pk: row for row in rows}
        self._by_provider = {row.provider_id: row for row in rows if row.provider_id}
        self._by_client = {row.client_message_id: row for row in rows if row.client_message_id}

    def find(self, word: Acknowledgement) -> Message | None:
        """The one that is meant: by the gateway's own name first."""
        found = self._by_provider.get(word.provider_id) if word.provider_id else None
        if found is None and word.client_message_id:
            found = self._by_client.get(word.client_message_id)
        if found is None and word.message_id is not None:
            found = self._by_id.get(word.message_id)
        return found


def _messages(session_id: UUID, words: Sequence[Acknowledgement]) -> Known:
    if not words:
        return Known([])
    named = (
        Q(provider_id__in={word.provider_id for word in words} - {""})
        | Q(client_message_id__in={word.client_message_id for word in words} - {""})
        | Q(pk__in={word.message_id for word in words} - {None})
    )
    mine = Message.objects.filter(named, session_id=session_id, direction=Direction.OUTBOUND)
    return Known(list(mine.select_for_update(no_key=True, of=("self",)).order_by("pk")))
