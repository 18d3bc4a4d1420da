"""The keeper: brings each session from where it stands at its gateway to where its owner wants it, and looks again.

What others leave to people it does by itself: codes that were never fetched, sessions stuck while starting, failed ones, and
those that a phone unlinked while we thought them connected.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
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
from modules.whatsapp.standing import fail, stand, stop

log = logging.getLogger(__name__)
SLOTS = 32
LEASE = timedelta(seconds=120)
STUCK = timedelta(minutes=2)
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
            stop(session, finding.error)
        elif finding.standing is not None:
            stand(session, finding.standing, restarted=finding.restarted)
        elif finding.error is not None:
            fail(session, finding.error)
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
