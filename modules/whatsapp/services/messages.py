"""Accepting messages, and taking them back or sending them again.

What is accepted is counted, written and told of in one transaction; the gateway is not spoken to here.
"""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from analytics.services import consume_messages, used_up
from core import audit
from core.db.base import Ahead, Statement
from core.exceptions import Invalid
from core.ids import uuid7
from modules.whatsapp import bell, telling
from modules.whatsapp.attempting import window_open
from modules.whatsapp.choices import MEDIA_TYPES, RETRYABLE, Driver, Environment, MediaStatus, MessageStatus, MessageType, Wish
from modules.whatsapp.exceptions import (
    MediaGone,
    MessageNotCancellable,
    MessageNotRetryable,
    NotSupported,
    RecipientOptedOut,
    SessionMissing,
    SessionSuspended,
    WindowClosed,
)
from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import Media, Message, WhatsAppSession
from modules.whatsapp.optouts import cancel as take_back
from modules.whatsapp.outcomes import CANCELLED_CODE
from modules.whatsapp.services.media import Source, discard, keep, prepare
from users.models import User

MAX_AHEAD = timedelta(days=366)
# Functions of the database keep their plans, and one exchange is less than two.
_SENDING_SESSION = "SELECT * FROM whatsapp_sending_session(%s, %s, %s)"
_QUEUE = "SELECT whatsapp_queue_message(%s, %s, %s, %s)"
_USED_UP = "AT429"


class SendingSession(NamedTuple):
    """What accepting a message asks of a session, its owner and whom it goes to; `daily_limit` is in messages."""

    id: UUID
    user_id: UUID
    environment: str
    driver: str
    wish: str
    is_suspended: bool
    daily_limit: int
    zone: str
    opted_out: bool
    last_inbound_at: datetime | None
    sent: str | None

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing leaves the house."""
        return self.driver == Driver.SANDBOX

    def sent_on(self, day: date) -> int:
        """How many messages its owner sent on a day that may be today somewhere."""
        counts: dict[str, int] = orjson.loads(self.sent) if self.sent else {}
        return counts.get(day.isoformat(), 0)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, apart from to whom. `media` is a kept file, or where one is to come from."""

    kind: MessageType
    content: str = ""
    template: Mapping[str, Any] | None = None
    media: Media | Source | None = None
    send_at: datetime | None = None
    client_reference: str = ""
    reply_to: str = ""


def send(*, user_id: UUID, environment: str, recipient: str, draft: Draft) -> Message:
    """Accept a message to a number in E.164.

    Raises SessionMissing, SessionSuspended, RecipientOptedOut, WindowClosed, NotSupported, MediaGone, Invalid, and
    analytics.exceptions.DailyMessagesUsedUp. Publishes whatsapp.message.queued.
    """
    check_time(draft.send_at)
    if isinstance(draft.media, Source):
        # Before the work on the file, and outside the transaction: decoding a picture takes longer than all of the rest.
        _session_for(user_id, environment, recipient, draft)
        draft = replace(draft, media=prepare(user_id=user_id, source=draft.media))
    try:
        return _accept(user_id, environment, recipient, draft)
    except BaseException:
        if isinstance(draft.media, Media) and draft.media._state.adding:
            discard(draft.media)
        raise


def _accept(user_id: UUID, environment: str, recipient: str, draft: Draft) -> Message:
    session = _session_for(user_id, environment, recipient, draft)
    now = datetime.now(zone_of(session.zone))
    counted = is_counted(session)
    if counted and session.sent_on(now.date()) >= session.daily_limit:
        raise used_up(session.daily_limit, now)
    message = build(session, recipient, draft, day=now.date() if counted else None)
    try:
        with transaction.atomic():
            if isinstance(draft.media, Media) and draft.media._state.adding:
                keep(draft.media)
            transaction.on_commit(_Queueing(message, session.daily_limit))
            telling.message_queued(message)
    except DatabaseError as error:
        # Others were quicker.
        if getattr(error.__cause__, "sqlstate", None) == _USED_UP:
            raise used_up(session.daily_limit, now) from None
        raise
    return message


class _Queueing(Ahead):
    """A message's row, counted where it counts, written with the commit: an account's other messages wait for no longer."""

    def __init__(self, message: Message, limit: int) -> None:
        self._message = message
        self._limit = limit

    def statement(self) -> Statement | None:
        """Insert and count it, or fail with the code _USED_UP."""
        message = self._message
        if not message._state.adding:
            return None
        message._state.adding = False
        row = orjson.dumps({field.column: getattr(message, field.attname) for field in Message._meta.concrete_fields})
        return _QUEUE, [row.decode(), uuid7(), int(message.message_type in MEDIA_TYPES), self._limit]

    def written(self, rows: list[tuple[Any, ...]]) -> None:
        """Nothing comes back."""

    def __call__(self) -> None:
        """Wake the sender."""
        bell.MESSAGES.ring()


def _session_for(user_id: UUID, environment: str, recipient: str, draft: Draft) -> SendingSession:
    """The session that this goes by to them. Raises what `send` does."""
    session = sending_session(user_id, environment, recipient)
    check_draft(session, draft)
    if session.opted_out:
        raise RecipientOptedOut
    windowed = gateway(session.driver).capabilities.window and draft.kind != MessageType.TEMPLATE
    if windowed and not window_open(session.last_inbound_at, draft.send_at):
        raise WindowClosed
    return session


def sending_session(user_id: UUID, environment: str, recipient: str = "") -> SendingSession:
    """The session that messages go by. Raises SessionMissing, SessionSuspended."""
    with connection.cursor() as cursor:
        cursor.execute(_SENDING_SESSION, [recipient, user_id, environment])
        row = cursor.fetchone()
    session = SendingSession(*row) if row else None
    if session is None or (session.wish != Wish.CONNECTED and not session.is_suspended):
        raise SessionMissing
    if session.is_suspended:
        raise SessionSuspended
    return session


def is_counted(session: SendingSession) -> bool:
    """Whether its messages count against the daily limit: those of test keys reach nobody and are counted nowhere."""
    return session.environment != Environment.TEST


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; UTC for one that no longer exists."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return UTC


def check_time(send_at: datetime | None) -> None:
    """Raises Invalid for a time that is over, or too far ahead."""
    if send_at is None:
        return
    now = timezone.now()
    if send_at <= now - timedelta(minutes=1):
        raise Invalid.field("send_at", "This time is over.", "in_the_past")
    if send_at > now + MAX_AHEAD:
        raise Invalid.field("send_at", "At most a year ahead.", "out_of_range")


def check_draft(session: SendingSession, draft: Draft) -> None:
    """Whether the session's driver can send this at all. Raises NotSupported, MediaGone."""
    if draft.kind == MessageType.TEMPLATE and not gateway(session.driver).capabilities.templates:
        raise NotSupported(f"The driver {session.driver} has no templates.")
    if isinstance(draft.media, Media) and draft.media.status in (MediaStatus.EXPIRED, MediaStatus.FAILED):
        raise MediaGone


def build(
    session: SendingSession | WhatsAppSession, recipient: str, draft: Draft, *, day: Any, bulk_id: UUID | None = None
) -> Message:
    """A message as it is queued; not saved."""
    now = timezone.now()
    key = uuid7()
    due = max(draft.send_at, now) if draft.send_at is not None else now
    return Message(
        id=key,
        user_id=session.user_id,
        session_id=session.id,
        bulk_id=bulk_id,
        recipient=recipient,
        message_type=draft.kind,
        content=draft.content,
        template=dict(draft.template) if draft.template is not None else None,
        media=draft.media,  # type: ignore[misc]  # taken by now
        reply_to=draft.reply_to,
        client_reference=draft.client_reference,
        client_message_id=gateway(session.driver).id_of(key),
        driver=session.driver,
        is_sandbox=session.is_sandbox,
        created_at=now,
        send_at=draft.send_at,
        position=due,
        next_attempt_at=due,
        expires_at=due + timedelta(hours=settings.WHATSAPP_QUEUE_HOURS),
        quota_day=day,
    )


def cancel(*, message: Message, actor: User) -> Message:
    """Take back a message that is still queued, with its unit. Raises MessageNotCancellable."""
    with transaction.atomic():
        found = _locked(message)
        if found.status != MessageStatus.QUEUED:
            raise MessageNotCancellable
        take_back([found], code=CANCELLED_CODE)
        audit.record("whatsapp.message_cancelled", **_target(found, actor), changes={})
    return found


def retry(*, message: Message, actor: User) -> Message:
    """Send a failed, unknown or cancelled message again; it counts again where its unit was given back.

    One that is unknown may arrive twice: that is for a person to decide. Raises MessageNotRetryable, SessionMissing,
    SessionSuspended, RecipientOptedOut, MediaGone, and analytics.exceptions.DailyMessagesUsedUp.
    """
    with transaction.atomic():
        found = _locked(message)
        if found.status not in RETRYABLE:
            raise MessageNotRetryable
        session = sending_session(found.user_id, found.session.environment, found.recipient)
        if session.opted_out:
            raise RecipientOptedOut
        if found.media is not None and found.media.status in (MediaStatus.EXPIRED, MediaStatus.FAILED):
            raise MediaGone
        if found.quota_day is None and is_counted(session):
            media = int(found.message_type in MEDIA_TYPES)
            limit, zone = session.daily_limit, zone_of(session.zone)
            found.quota_day = consume_messages(user_id=found.user_id, limit=limit, media=media, zone=zone).day
        now, was = timezone.now(), found.status
        found.status, found.error_code, found.error_message, found.finished_at = MessageStatus.QUEUED, "", "", None
        found.tries, found.is_held, found.position, found.next_attempt_at = 0, False, now, now
        found.expires_at = now + timedelta(hours=settings.WHATSAPP_QUEUE_HOURS)
        if (was != MessageStatus.UNKNOWN and not found.may_be_sent) or found.driver != session.driver:
            # By its old name a gateway would take it for the one that came to nothing; one that is unknown is safe by it.
            found.client_message_id, found.provider_id = gateway(session.driver).id_of(found.pk), ""
            found.sent_at = found.delivered_at = found.read_at = None
        found.driver, found.is_sandbox = session.driver, session.is_sandbox
        found.save()
        telling.message_queued(found)
        bell.MESSAGES.ring_after_commit()
        audit.record("whatsapp.message_retried", **_target(found, actor), changes={"was": str(was)})
    return found


def _locked(message: Message) -> Message:
    found = Message.objects.select_for_update(no_key=True, of=("self",)).select_related("session", "media")
    locked: Message = found.get(pk=message.pk)
    return locked


def _target(message: Message, actor: User) -> dict[str, Any]:
    return {"actor": actor, "target_type": "whatsapp_message", "target_id": message.pk, "target_label": message.recipient}
