"""Working off what gateways told: acknowledgements, messages that came in, news of sessions. Each once, in whatever order.

An acknowledgement may be quicker than the answer that names the message: one that fits none yet is looked at again a few times.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Min, Q
from django.utils import timezone

from core.bell import SWEEP_SECONDS, Bell
from core.dispatcher import Worker
from modules.whatsapp import bell, telling
from modules.whatsapp.choices import FORWARD, MessageStatus
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import Acknowledgement, BadHook, GatewayError, Incoming, SessionNews, Verdict, Word
from modules.whatsapp.models import InboundEvent, Message, WhatsAppSession
from modules.whatsapp.outcomes import finish_bulks, give_units_back, rest
from modules.whatsapp.receiving import receive

log = logging.getLogger(__name__)
BATCH = 100
MAX_TRIES = 6
NO_SUCH_MESSAGE = "no such message"


class TooEarly(Exception):
    """It fits no message that is here by now."""


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
    """Take up to `limit` events that are due; how many. If they cannot be taken together, one by one."""
    try:
        return _take(limit)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("What gateways told could not be worked off together")
        return sum(_take(1, alone=True) for _ in range(limit))


def _take(limit: int, *, alone: bool = False) -> int:
    now = timezone.now()
    with transaction.atomic():
        waiting = InboundEvent.objects.filter(processed_at=None, due_at__lte=now).order_by("due_at", "id")
        found = list(waiting.select_for_update(skip_locked=True)[:limit])
        for event in found:
            try:
                # Only where one may fail by itself is a savepoint worth its price.
                if alone:
                    with transaction.atomic():
                        _read(event, now)
                else:
                    _read(event, now)
            except TooEarly:
                _later(event, now, NO_SUCH_MESSAGE)
            except BadHook:
                event.processed_at, event.error = now, "not understood"
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                if not alone:
                    raise
                log.exception("Gateway event %s could not be worked off", event.pk)
                _later(event, now, type(error).__name__ if isinstance(error, DatabaseError) else str(error)[:300])
            else:
                event.processed_at, event.error = now, ""
        InboundEvent.objects.bulk_update(found, ["processed_at", "due_at", "tries", "error"])
    return len(found)


def _later(event: InboundEvent, now: datetime, error: str) -> None:
    event.tries += 1
    event.error = error
    if event.tries >= MAX_TRIES:
        event.processed_at = now
    else:
        event.due_at = now + timedelta(seconds=2**event.tries)


def _read(event: InboundEvent, now: datetime) -> None:
    for word in gateway(event.driver).read(event.payload):
        _hear(event, word, now)


def _hear(event: InboundEvent, word: Word, now: datetime) -> None:
    match word:
        case Acknowledgement():
            acknowledge(event, word, now)
        case Incoming():
            receive(event, word, now)
        case SessionNews():
            known = WhatsAppSession.objects.filter(pk=event.session_id, wish="connected", is_suspended=False)
            known.update(care_due_at=now)
            bell.SESSIONS.ring_after_commit()


def acknowledge(event: InboundEvent, word: Acknowledgement, now: datetime) -> None:
    """Move a message on, forward only. Raises TooEarly where none fits."""
    if word.pauses:
        rest({event.session_id: GatewayError(Verdict.PAUSE, word.error_code, word.error_message)}, now)
    message = _message(event, word)
    if message is None:
        raise TooEarly
    at = min(word.at or now, now)
    message.provider_id = message.provider_id or word.provider_id
    changed = message.status in FORWARD[word.status]
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
        told: Sequence[Message] = [message]
        give_units_back(told)
        finish_bulks([message.bulk_id] if message.bulk_id is not None else [])
        telling.message_changed(message, at)


def _message(event: InboundEvent, word: Acknowledgement) -> Message | None:
    found = Q()
    if word.provider_id:
        found |= Q(provider_id=word.provider_id)
    if word.client_message_id:
        found |= Q(client_message_id=word.client_message_id)
    if word.message_id is not None:
        found |= Q(pk=word.message_id)
    mine = Message.objects.filter(found, session_id=event.session_id, direction="outbound") if found else Message.objects.none()
    # The one that is named by the gateway's own id first, should two fit.
    rows: list[Message] = list(mine.select_for_update(no_key=True, of=("self",)).order_by("-provider_id", "pk")[:1])
    return rows[0] if rows else None
