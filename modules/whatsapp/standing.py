"""What a gateway's word makes of a session, and when to look again. Nothing is saved here."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from modules.whatsapp.choices import SessionStatus, Wish
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import GatewayError, Standing, Verdict
from modules.whatsapp.models import WhatsAppSession

# A gateway bounces between working and starting when it reconnects: nobody is told of less.
BOUNCE = timedelta(seconds=30)
# A code that nobody scans is given up.
UNSCANNED = timedelta(minutes=15)
# After how long it is looked at again.
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


def stand(session: WhatsAppSession, standing: Standing, *, restarted: bool) -> None:
    """It stands there, and was told to restart or not."""
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


def stop(session: WhatsAppSession, error: GatewayError | None) -> None:
    """It is stopped, and its owner or who suspended it knows why. What cannot be told to stop counts as stopped."""
    now = timezone.now()
    if session.status != SessionStatus.DISCONNECTED:
        session.status, session.status_changed_at = SessionStatus.DISCONNECTED, now
    session.restart_wanted, session.connected_at, session.code_since = False, None, None
    if session.wish == Wish.LOGGED_OUT:
        session.routing_id = None
    session.qr_code = session.pairing_code = ""
    session.care_failures = 0 if error is None else session.care_failures + 1
    session.care_due_at = None if error is None else now + _patience(session)


def fail(session: WhatsAppSession, error: GatewayError) -> None:
    """It could not be asked or told."""
    now = timezone.now()
    session.care_failures += 1
    session.status_reason, session.status_detail = error.code[:64], error.message[:255]
    if error.verdict in (Verdict.ACTION, Verdict.FAIL) and session.status != SessionStatus.ACTION_REQUIRED:
        session.status, session.status_changed_at = SessionStatus.ACTION_REQUIRED, now
    elif session.care_failures >= MAX_FAILURES and session.status in (SessionStatus.CONNECTING, SessionStatus.QR_READY):
        session.status, session.status_changed_at = SessionStatus.FAILED, now
    session.care_due_at = now + _patience(session)


def _unlinked(standing: Standing) -> Standing:
    detail = "The phone unlinked this session; scan a new code."
    return replace(standing, reason="unlinked", detail=detail)


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


def _patience(session: WhatsAppSession) -> timedelta:
    return min(timedelta(seconds=2 ** min(session.care_failures, 12)), MAX_PAUSE)
