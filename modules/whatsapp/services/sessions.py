"""Opening, closing and holding back a session."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import audit, crypto
from core.exceptions import Invalid
from modules.whatsapp import bell, keeping, telling
from modules.whatsapp.choices import Driver, Environment, SessionStatus, Wish
from modules.whatsapp.exceptions import DriverUnavailable, NotSupported, SessionConnected, SessionMissing, SessionSuspended
from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import WhatsAppSession
from users.models import User

MAX_RATE = 1000.0
# One message in a hundred seconds; slower is what pausing is for.
MIN_RATE = 0.01
# A gateway that could not be told to stop so often is taken for gone.
UNSTOPPABLE = 3


def open_session(
    *,
    user: User,
    environment: str,
    driver: str = "",
    credentials: Mapping[str, str] | None = None,
    pairing_number: str = "",
) -> WhatsAppSession:
    """Connect, or go on connecting; without `driver` the one there was, or the installation's. Twice is harmless.

    Raises Invalid, DriverUnavailable, SessionConnected, SessionSuspended, NotSupported.
    """
    with transaction.atomic():
        session = _of(user, environment)
        if session.is_suspended:
            raise SessionSuspended
        chosen = _driver(session, environment, driver)
        changed = chosen != session.driver or (credentials is not None and dict(credentials) != session.secrets)
        if session.status == SessionStatus.CONNECTED and session.wish == Wish.CONNECTED and not changed:
            if pairing_number not in ("", session.pairing_number):
                raise SessionConnected
            return session
        if changed and not _may_change(session, chosen):
            raise SessionConnected(
                "Disconnect the session and wait until it is stopped, then choose another driver or credentials."
            )
        _configure(session, chosen, credentials)
        if pairing_number and not gateway(chosen).capabilities.pairing_code:
            raise NotSupported("This driver connects without a pairing code.")
        if changed or (session.pairing_number != pairing_number and session.status == SessionStatus.QR_READY):
            # Another gateway knows nothing of it yet; a code of the other sort is made by a new start only.
            session.status = SessionStatus.DISCONNECTED
        session.wish, session.pairing_number = Wish.CONNECTED, pairing_number
        session.paused_until, session.pause_reason = None, ""
        _begin(session)
        audit.record("whatsapp.session_opened", **_target(session, user), changes={"driver": session.driver})
    return _looked_after(session)


def close_session(*, session: WhatsAppSession, actor: User, forget: bool = True) -> WhatsAppSession:
    """Disconnect; with `forget` the phone is unlinked too. What is queued waits. Twice is harmless."""
    with transaction.atomic():
        session = _locked(session)
        session.wish = Wish.LOGGED_OUT if forget else Wish.STOPPED
        session.care_due_at = timezone.now()
        session.qr_code = session.pairing_code = ""
        if not session.is_suspended:
            session.status_reason = session.status_detail = ""
        if session.status != SessionStatus.DISCONNECTED:
            session.status, session.status_changed_at = SessionStatus.DISCONNECTED, timezone.now()
            telling.session_changed(session)
        session.save()
        bell.SESSIONS.ring_after_commit()
        audit.record("whatsapp.session_closed", **_target(session, actor), changes={"forget": forget})
    return _looked_after(session)


def restart_session(*, session: WhatsAppSession, actor: User) -> WhatsAppSession:
    """Down and up again, without unlinking the phone. Raises SessionMissing, SessionSuspended."""
    with transaction.atomic():
        session = _locked(session)
        if session.is_suspended:
            raise SessionSuspended
        if session.wish != Wish.CONNECTED:
            raise SessionMissing
        session.restart_wanted = True
        session.paused_until, session.pause_reason = None, ""
        _begin(session)
        audit.record("whatsapp.session_restarted", **_target(session, actor), changes={})
    return _looked_after(session)


def suspend_session(*, session: WhatsAppSession, actor: User) -> WhatsAppSession:
    """The kill switch: nothing is sent from now on, and the session is stopped. Twice is harmless."""
    with transaction.atomic():
        session = _locked(session)
        if not session.is_suspended:
            session.is_suspended = True
            session.status, session.status_changed_at = SessionStatus.DISCONNECTED, timezone.now()
            session.status_reason, session.status_detail = "suspended", "An administrator has suspended this session."
            session.qr_code = session.pairing_code = ""
            session.care_due_at = timezone.now()
            session.save()
            telling.session_changed(session)
            bell.SESSIONS.ring_after_commit()
            audit.record("whatsapp.session_suspended", **_target(session, actor), changes={})
    return session


def release_session(*, session: WhatsAppSession, actor: User) -> WhatsAppSession:
    """Undo `suspend_session`: the session connects again if its owner wants that. Twice is harmless."""
    with transaction.atomic():
        session = _locked(session)
        if session.is_suspended:
            session.is_suspended = False
            session.status_reason = session.status_detail = ""
            if session.wish == Wish.CONNECTED:
                session.care_due_at = timezone.now()
            session.save()
            bell.SESSIONS.ring_after_commit()
            audit.record("whatsapp.session_released", **_target(session, actor), changes={})
    return session


def set_pace(*, session: WhatsAppSession, actor: User, **pace: Any) -> WhatsAppSession:
    """How fast a session may send: `messages_per_second` (0: as fast as it can, null: what suits the driver) and `burst`.

    Raises Invalid.
    """
    if unknown := set(pace) - {"messages_per_second", "burst"}:
        raise TypeError(f"unknown fields {unknown}")
    rate, burst = pace.get("messages_per_second"), pace.get("burst")
    if rate is not None and rate != 0 and not MIN_RATE <= rate <= MAX_RATE:
        raise Invalid.field("messages_per_second", f"0, or from {MIN_RATE} to {MAX_RATE:.0f}.", "out_of_range")
    if burst is not None and not 1 <= burst <= MAX_RATE:
        raise Invalid.field("burst", f"From 1 to {MAX_RATE:.0f}.", "out_of_range")
    with transaction.atomic():
        session = _locked(session)
        changes = {name: [getattr(session, name), value] for name, value in pace.items() if getattr(session, name) != value}
        for name, value in pace.items():
            setattr(session, name, value)
        # What was sent at the old pace is no debt at the new one.
        session.paced_until = session.ready_at = timezone.now()
        session.save(update_fields=[*pace, "paced_until", "ready_at", "updated_at"])
        if changes:
            audit.record("whatsapp.pace_changed", **_target(session, actor), changes=changes)
    return session


def _of(user: User, environment: str) -> WhatsAppSession:
    """The account's session, made on first sight, locked."""
    driver = Driver.SANDBOX if environment == Environment.TEST else settings.WHATSAPP_DRIVER
    session: WhatsAppSession
    session, _ = WhatsAppSession.objects.select_for_update(no_key=True, of=("self",)).get_or_create(
        user=user, environment=environment, defaults={"driver": driver}
    )
    return session


def _driver(session: WhatsAppSession, environment: str, wanted: str) -> Driver:
    if environment == Environment.TEST and wanted not in ("", Driver.SANDBOX):
        raise DriverUnavailable("Test keys use the sandbox only.")
    return Driver(wanted or session.driver)


def _configure(session: WhatsAppSession, driver: Driver, credentials: Mapping[str, str] | None) -> None:
    before = session.driver, gateway(session.driver).routing_id(session.secrets)
    if credentials is not None:
        known = {one.name for one in gateway(driver).credentials}
        if unknown := sorted(set(credentials) - known):
            raise Invalid.field(f"credentials.{unknown[0]}", "This driver has no such credential.", "unknown")
        session.credentials = crypto.encrypt(json.dumps(dict(credentials)).encode()) if credentials else None
    elif driver != session.driver:
        session.credentials = None
    secrets = session.secrets
    if not gateway(driver).is_configured(secrets):
        raise DriverUnavailable(f"The driver {driver.value} lacks its credentials: give them, or ask the operator.")
    if (driver, gateway(driver).routing_id(secrets)) != before:
        # What was known of another gateway or number says nothing of this one; whose number it is, the gateway must say first.
        session.phone_number, session.display_name, session.routing_id = "", "", None
        session.contacts.update(chat_id="", last_inbound_at=None)
    session.driver = driver
    session.save()


def _may_change(session: WhatsAppSession, driver: Driver) -> bool:
    """Whether its gateway has nothing of a session any more: a phone that stays linked there would go on receiving."""
    if driver == session.driver and session.status in (SessionStatus.ACTION_REQUIRED, SessionStatus.FAILED):
        return True
    is_stopped = session.care_due_at is None or session.care_failures >= UNSTOPPABLE
    return session.status == SessionStatus.DISCONNECTED and is_stopped


def _begin(session: WhatsAppSession) -> None:
    now = timezone.now()
    session.status_reason = session.status_detail = ""
    session.care_failures, session.care_due_at, session.code_since = 0, now, None
    if session.status != SessionStatus.QR_READY:
        # A code that somebody may be about to scan stays.
        session.qr_code = session.pairing_code = ""
    if session.status in (SessionStatus.DISCONNECTED, SessionStatus.FAILED, SessionStatus.ACTION_REQUIRED):
        # The keeper starts what is disconnected.
        session.status, session.status_changed_at = SessionStatus.DISCONNECTED, now
    session.save()
    bell.SESSIONS.ring_after_commit()


def _looked_after(session: WhatsAppSession) -> WhatsAppSession:
    """With a driver that never leaves the process there is nothing to wait for."""
    if gateway(session.driver).is_immediate:
        keeping.settle(keeping.look_after(keeping.care_of(session)))
        session.refresh_from_db()
    return session


def _locked(session: WhatsAppSession) -> WhatsAppSession:
    found: WhatsAppSession = WhatsAppSession.objects.select_for_update(no_key=True, of=("self",)).get(pk=session.pk)
    return found


def _target(session: WhatsAppSession, actor: User) -> dict[str, Any]:
    return {"actor": actor, "target_type": "whatsapp_session", "target_id": session.pk, "target_label": str(session)}
