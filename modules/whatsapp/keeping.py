"""The keeper: brings each session from where it stands at its gateway to where its owner wants it, and looks again.

What others leave to people it does by itself: codes that were never fetched, sessions stuck while starting, failed ones, and
those that a phone unlinked while we thought them connected.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from core.bell import Bell
from core.dispatcher import Dispatcher
from modules.whatsapp import bell, telling
from modules.whatsapp.choices import SessionStatus, Wish
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import GatewayError, Link, Standing, Verdict
from modules.whatsapp.links import link_of
from modules.whatsapp.models import WhatsAppSession

log = logging.getLogger(__name__)
SLOTS = 32
LEASE = timedelta(seconds=120)
# A gateway bounces between working and starting when it reconnects: nobody is told of less.
BOUNCE = timedelta(seconds=30)
STUCK = timedelta(minutes=2)
# A code that nobody scans is given up.
UNSCANNED = timedelta(minutes=15)
CARE = {
    SessionStatus.CONNECTING: timedelta(seconds=2),
    SessionStatus.QR_READY: timedelta(seconds=5),
    SessionStatus.CONNECTED: timedelta(seconds=60),
    SessionStatus.ACTION_REQUIRED: timedelta(minutes=5),
    SessionStatus.DISCONNECTED: timedelta(seconds=2),
    SessionStatus.FAILED: timedelta(seconds=5),
}
MAX_PAUSE = timedelta(minutes=10)
# A gateway that is away so often while a session comes up has failed it.
MAX_FAILURES = 5
_CLAIM = """
UPDATE whatsapp_whatsappsession SET care_due_at = %(lease)s WHERE id = ANY(ARRAY(
  SELECT id FROM whatsapp_whatsappsession WHERE care_due_at <= %(now)s ORDER BY care_due_at LIMIT %(limit)s
  FOR NO KEY UPDATE SKIP LOCKED
)) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Care:
    """A session to look after, as it was when it was taken."""

    session_id: UUID
    driver: str
    link: Link
    wish: str
    restart: bool
    since: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What the gateway said: where the session stands, or what went wrong; and whether it was told to restart it."""

    care: Care
    standing: Standing | None = None
    error: GatewayError | None = None
    restarted: bool = False


class SessionKeeper(Dispatcher[Care, Finding]):
    """Looks after sessions."""

    bell: ClassVar[Bell] = bell.SESSIONS
    name = "whatsapp-sessions"

    def __init__(self) -> None:
        super().__init__(size=SLOTS, patience=60.0)
        self._free = SLOTS

    def claim(self) -> int:
        """Take sessions whose time has come."""
        taken = claim(self._free) if self._free > 0 else []
        self._free -= len(taken)
        return self.start(taken)

    def attempt(self, claim: Care) -> Finding:
        """Ask the gateway, or tell it."""
        return look_after(claim)

    def settle(self, outcomes: Sequence[Finding]) -> None:
        """What the gateway said."""
        for finding in outcomes:
            settle(finding)

    def give_back(self, claims: Sequence[Care]) -> None:
        """They are due at once."""
        WhatsAppSession.objects.filter(pk__in=[one.session_id for one in claims]).update(care_due_at=timezone.now())

    def settled(self, outcome: Finding) -> None:
        """A slot is free."""
        self._free += 1

    def rest(self) -> float:
        """Codes are scanned while a person waits."""
        return 0.5


def claim(limit: int) -> list[Care]:
    """Take up to `limit` sessions that are due."""
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "limit": limit})
            keys = [row[0] for row in cursor.fetchall()]
        return [care_of(session) for session in WhatsAppSession.objects.filter(pk__in=keys)]


def care_of(session: WhatsAppSession) -> Care:
    """What is to be done with a session as it stands."""
    return Care(
        session_id=session.pk,
        driver=session.driver,
        link=link_of(session),
        wish=Wish.STOPPED if session.is_suspended and session.wish == Wish.CONNECTED else session.wish,
        restart=session.restart_wanted,
        since=session.status_changed_at,
        due_at=session.care_due_at or timezone.now(),
    )


def look_after(care: Care) -> Finding:
    """Ask or tell the gateway. Raises nothing."""
    restarts = _needs_restart(care)
    try:
        return Finding(care, _step(care, restarts=restarts), restarted=restarts)
    except GatewayError as error:
        return Finding(care, error=error)
    except Exception:
        log.exception("Session %s could not be looked after", care.session_id)
        return Finding(care, error=GatewayError(Verdict.RETRY, "internal", "Something of ours failed."))


def _needs_restart(care: Care) -> bool:
    if care.wish != Wish.CONNECTED:
        return False
    status, age = care.link.status, timezone.now() - care.since
    return care.restart or status == SessionStatus.FAILED or (status == SessionStatus.CONNECTING and age > STUCK)


def _step(care: Care, *, restarts: bool) -> Standing:
    driver = gateway(care.driver)
    if care.wish != Wish.CONNECTED:
        driver.stop(care.link, forget=care.wish == Wish.LOGGED_OUT)
        return Standing(SessionStatus.DISCONNECTED)
    if not driver.is_configured(care.link.secrets):
        return Standing(SessionStatus.ACTION_REQUIRED, reason="not_configured", detail="The driver lacks its credentials.")
    if restarts:
        return driver.restart(care.link)
    if care.link.status == SessionStatus.DISCONNECTED:
        return driver.start(care.link)
    return driver.status(care.link)


def settle(finding: Finding) -> None:
    """Write down where a session stands, tell its owner when that is news, and say when to look again."""
    care = finding.care
    with transaction.atomic():
        session = WhatsAppSession.objects.select_for_update(no_key=True, of=("self",)).filter(pk=care.session_id).first()
        if session is None:
            return
        if _asked(care_of(session)) != _asked(care):
            # The owner wants something else by now.
            session.care_due_at = timezone.now()
            session.save(update_fields=["care_due_at", "updated_at"])
            return
        before, due_at = _told(session), session.care_due_at
        if care.wish != Wish.CONNECTED:
            _stopped(session, finding.error)
        elif finding.standing is not None:
            _stand(session, finding.standing, restarted=finding.restarted)
        elif finding.error is not None:
            _fail(session, finding.error)
        if due_at is not None and due_at != care.due_at and session.care_due_at is not None:
            # There was news while the gateway was asked: what it said may be of before.
            session.care_due_at = min(session.care_due_at, due_at)
        session.save()
        if _told(session) != before:
            telling.session_changed(session)
        if session.status == SessionStatus.CONNECTED and before[0] != SessionStatus.CONNECTED:
            bell.MESSAGES.ring_after_commit()


def _asked(care: Care) -> tuple[object, ...]:
    """What an answer is an answer to."""
    return care.driver, care.wish, care.restart, care.link.pairing_number, care.link.secrets


def _told(session: WhatsAppSession) -> tuple[str, ...]:
    """What its owner is told the change of."""
    return session.status, session.status_reason, session.qr_code, session.pairing_code, session.phone_number


def _stand(session: WhatsAppSession, standing: Standing, *, restarted: bool) -> None:
    now, status = timezone.now(), standing.status
    session.restart_wanted = False
    if status == SessionStatus.CONNECTED and _is_taken(session):
        status = SessionStatus.ACTION_REQUIRED
        standing = Standing(status, reason="number_taken", detail="This number is connected to another account.")
    if session.status == SessionStatus.CONNECTED and status == SessionStatus.CONNECTING and _bounces(session, now):
        session.care_due_at = now + CARE[SessionStatus.CONNECTING]
        return
    if session.status == SessionStatus.CONNECTED and status in (SessionStatus.DISCONNECTED, SessionStatus.QR_READY):
        standing = _unlinked(standing)
    if status in (SessionStatus.QR_READY, SessionStatus.FAILED) and _is_given_up(session, now):
        # Stopping it is the next that is done.
        session.wish, status = Wish.STOPPED, SessionStatus.DISCONNECTED
        standing = Standing(status, reason="qr_expired", detail="Nobody scanned the code; open the session again.")
    if session.status != status or restarted:
        session.status, session.status_changed_at = status, now
    session.status_reason, session.status_detail = standing.reason[:64], standing.detail[:255]
    if status == SessionStatus.FAILED:
        session.care_failures += 1
    elif status != SessionStatus.CONNECTING:
        # One that starts may fail again.
        session.care_failures = 0
    _keep_code(session, standing, now)
    _keep_number(session, standing, now)
    wait = _patience(session) if status == SessionStatus.FAILED else CARE[status]
    if gateway(session.driver).is_immediate and status == SessionStatus.QR_READY:
        wait = timedelta(seconds=0.5)
    session.care_due_at = now + wait if session.wish == Wish.CONNECTED else now


def _keep_code(session: WhatsAppSession, standing: Standing, now: datetime) -> None:
    if session.status == SessionStatus.QR_READY:
        session.qr_code = standing.qr_code or session.qr_code
        session.pairing_code = standing.pairing_code or session.pairing_code
        session.code_since = session.code_since or now
        if standing.pairing_code:
            # Its time begins (drivers ask for another by the age of the status).
            session.status_changed_at = now
    else:
        session.qr_code = session.pairing_code = ""
    if session.status == SessionStatus.CONNECTED or session.wish != Wish.CONNECTED:
        session.code_since = None


def _keep_number(session: WhatsAppSession, standing: Standing, now: datetime) -> None:
    if session.status == SessionStatus.CONNECTED:
        session.connected_at = session.connected_at or now
        session.last_active_at = now
        session.phone_number = standing.phone_number or session.phone_number
        session.display_name = standing.display_name or session.display_name
    else:
        session.connected_at = None


def _is_taken(session: WhatsAppSession) -> bool:
    """Whether the number is another session's. Only who showed its gateway a token for it is told what comes for it."""
    session.routing_id = gateway(session.driver).routing_id(session.secrets)
    if session.routing_id is None:
        return False
    others = WhatsAppSession.objects.filter(driver=session.driver, routing_id=session.routing_id).exclude(pk=session.pk)
    if others.exists():
        session.routing_id = None
        return True
    return False


def _is_given_up(session: WhatsAppSession, now: datetime) -> bool:
    return session.code_since is not None and now - session.code_since > UNSCANNED


def _bounces(session: WhatsAppSession, now: datetime) -> bool:
    """Whether a connected session was seen connected a moment ago."""
    return session.last_active_at is not None and now - session.last_active_at < BOUNCE + CARE[SessionStatus.CONNECTED]


def _stopped(session: WhatsAppSession, error: GatewayError | None) -> None:
    """Its owner, or who suspended it, was told why. What cannot be told to stop is stopped as far as we are concerned."""
    now = timezone.now()
    if session.status != SessionStatus.DISCONNECTED:
        session.status, session.status_changed_at = SessionStatus.DISCONNECTED, now
    session.restart_wanted, session.connected_at, session.code_since = False, None, None
    if session.wish == Wish.LOGGED_OUT:
        session.routing_id = None
    session.qr_code = session.pairing_code = ""
    session.care_failures = 0 if error is None else session.care_failures + 1
    session.care_due_at = None if error is None else now + _patience(session)


def _unlinked(standing: Standing) -> Standing:
    detail = "The phone unlinked this session; scan a new code."
    return replace(standing, reason="unlinked", detail=detail)


def _fail(session: WhatsAppSession, error: GatewayError) -> None:
    now = timezone.now()
    session.care_failures += 1
    session.status_reason, session.status_detail = error.code[:64], error.message[:255]
    if error.verdict in (Verdict.ACTION, Verdict.FAIL) and session.status != SessionStatus.ACTION_REQUIRED:
        session.status, session.status_changed_at = SessionStatus.ACTION_REQUIRED, now
    elif session.care_failures >= MAX_FAILURES and session.status in (SessionStatus.CONNECTING, SessionStatus.QR_READY):
        session.status, session.status_changed_at = SessionStatus.FAILED, now
    session.care_due_at = now + _patience(session)


def _patience(session: WhatsAppSession) -> timedelta:
    return min(timedelta(seconds=2 ** min(session.care_failures, 12)), MAX_PAUSE)
