"""One message to many: accepted in one go, paused, resumed and taken back as a whole."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from analytics.services import consume_messages
from core import audit, doorbell
from core.exceptions import Invalid
from core.validators import normalize_phone_number
from modules.whatsapp import bell, tasks, telling
from modules.whatsapp.attempting import window_open
from modules.whatsapp.choices import MEDIA_TYPES, BulkStatus, MessageStatus, MessageType
from modules.whatsapp.exceptions import BulkFinished, RecipientOptedOut, WindowClosed
from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import Bulk, Contact, Message
from modules.whatsapp.optouts import cancel as take_back
from modules.whatsapp.outcomes import CANCELLED_CODE, finish_bulks
from modules.whatsapp.services.messages import (
    Draft,
    SendingSession,
    build,
    check_draft,
    check_time,
    is_counted,
    sending_session,
    zone_of,
)
from users.models import User

MAX_RECIPIENTS = 10_000
INSERTED_AT_ONCE = 2000
CANCELLED_AT_ONCE = 500


def send_bulk(*, user_id: UUID, environment: str, recipients: Sequence[str], draft: Draft, name: str = "") -> Bulk:
    """Accept a message to many; recipients that are no numbers, come twice, opted out or cannot be written to are refused singly.

    The daily quota takes all that are accepted or none. Raises what `messages.send` does, and Invalid when none is left.
    Publishes whatsapp.bulk.changed.
    """
    check_time(draft.send_at)
    accepted, rejected = _numbers(recipients)
    with transaction.atomic():
        session = sending_session(user_id, environment)
        check_draft(session, draft)
        accepted, refused = _allowed(session, accepted, draft)
        rejected += refused
        if not accepted:
            raise Invalid.field("recipients", "None of the recipients can be written to.", "no_recipients")
        day = _count(session, draft, len(accepted))
        bulk: Bulk = Bulk.objects.create(
            user_id=user_id,
            session_id=session.id,
            name=name,
            accepted=len(accepted),
            rejected_count=len(rejected),
            rejected=sorted(rejected, key=lambda one: int(one["index"])),
        )
        Message.objects.bulk_create(
            [build(session, number, draft, day=day, bulk_id=bulk.pk) for _, number in accepted], INSERTED_AT_ONCE
        )
        telling.bulk_changed(bulk)
        bell.MESSAGES.ring_after_commit()
    return bulk


def _count(session: SendingSession, draft: Draft, messages: int) -> date | None:
    """Count them against the daily limit, all or none; the day. Raises analytics.exceptions.DailyMessagesUsedUp."""
    if not is_counted(session):
        return None
    media = messages if draft.kind in MEDIA_TYPES else 0
    zone = zone_of(session.zone)
    return consume_messages(user_id=session.user_id, limit=session.daily_limit, messages=messages, media=media, zone=zone).day


def pause(*, bulk: Bulk, actor: User) -> Bulk:
    """Take what is still queued off the queue, for a while. Twice is harmless. Raises BulkFinished."""
    return _hold(bulk, actor, BulkStatus.PAUSED)


def resume(*, bulk: Bulk, actor: User) -> Bulk:
    """Put it on the queue again. Twice is harmless. Raises BulkFinished."""
    return _hold(bulk, actor, BulkStatus.RUNNING)


def cancel(*, bulk: Bulk, actor: User) -> Bulk:
    """Take back what is still queued, with its units. Twice is harmless. Raises BulkFinished."""
    with transaction.atomic():
        found = _locked(bulk)
        if found.status == BulkStatus.CANCELLED:
            return found
        # Cancelled first: what is taken back below must not finish it.
        found.status, found.finished_at = BulkStatus.CANCELLED, timezone.now()
        found.save(update_fields=["status", "finished_at", "updated_at"])
        # Held at once, so that nothing more goes out; what is many is taken back by the sweep.
        waiting = Message.objects.filter(bulk=found, status=MessageStatus.QUEUED)
        waiting.update(is_held=True)
        few = waiting.select_for_update(no_key=True, of=("self",), skip_locked=True).order_by("pk")[:CANCELLED_AT_ONCE]
        take_back(list(few), code=CANCELLED_CODE)
        doorbell.ring(tasks.sweep)
        telling.bulk_changed(found)
        audit.record("whatsapp.bulk_cancelled", **_target(found, actor), changes={})
    return found


def _hold(bulk: Bulk, actor: User, status: BulkStatus) -> Bulk:
    with transaction.atomic():
        found = _locked(bulk)
        if found.status == BulkStatus.CANCELLED:
            raise BulkFinished
        if found.status != status:
            found.status = status
            found.save(update_fields=["status", "updated_at"])
            Message.objects.filter(bulk=found, status=MessageStatus.QUEUED).update(is_held=status == BulkStatus.PAUSED)
            telling.bulk_changed(found)
            bell.MESSAGES.ring_after_commit()
            audit.record(f"whatsapp.bulk_{status.value}", **_target(found, actor), changes={})
            if status == BulkStatus.RUNNING:
                # Its last messages may have ended while it was paused.
                finish_bulks([found.pk])
                found.refresh_from_db()
    return found


def _numbers(recipients: Sequence[str]) -> tuple[list[tuple[int, str]], list[dict[str, Any]]]:
    """The numbers with their places, each once, and the places that hold none."""
    if len(recipients) > MAX_RECIPIENTS:
        raise Invalid.field("recipients", f"At most {MAX_RECIPIENTS} recipients.", "too_many")
    seen: set[str] = set()
    accepted, rejected = [], []
    for index, text in enumerate(recipients):
        try:
            number = normalize_phone_number(text)
        except ValidationError as error:
            rejected.append(_rejected(index, text, error.code or "invalid_phone", str(error.message)))
            continue
        if number in seen:
            rejected.append(_rejected(index, text, "duplicate", "This number is in the list before."))
            continue
        seen.add(number)
        accepted.append((index, number))
    return accepted, rejected


def _allowed(
    session: SendingSession, accepted: Sequence[tuple[int, str]], draft: Draft
) -> tuple[list[tuple[int, str]], list[dict[str, Any]]]:
    """Those that did not opt out and, where there is such a rule, wrote within the last day."""
    contacts = Contact.objects.filter(session_id=session.id, phone_number__in=[number for _, number in accepted])
    known = {phone: (out, last) for phone, out, last in contacts.values_list("phone_number", "opted_out_at", "last_inbound_at")}
    windowed = gateway(session.driver).capabilities.window and draft.kind != MessageType.TEMPLATE
    kept, rejected = [], []
    for index, number in accepted:
        opted_out_at, last_inbound_at = known.get(number, (None, None))
        if opted_out_at is not None:
            rejected.append(_rejected(index, number, RecipientOptedOut.code, RecipientOptedOut.default_message))
        elif windowed and not window_open(last_inbound_at, draft.send_at):
            rejected.append(_rejected(index, number, WindowClosed.code, WindowClosed.default_message))
        else:
            kept.append((index, number))
    return kept, rejected


def _rejected(index: int, recipient: str, code: str, message: str) -> dict[str, Any]:
    return {"index": index, "recipient": recipient[:64], "code": code, "message": message}


def _locked(bulk: Bulk) -> Bulk:
    found: Bulk = Bulk.objects.select_for_update(no_key=True, of=("self",)).get(pk=bulk.pk)
    if found.status == BulkStatus.FINISHED:
        raise BulkFinished
    return found


def _target(bulk: Bulk, actor: User) -> dict[str, Any]:
    return {"actor": actor, "target_type": "whatsapp_bulk", "target_id": bulk.pk, "target_label": str(bulk)}
