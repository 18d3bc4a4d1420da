"""Playing the phone at the other end of the sandbox."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from core.exceptions import Invalid
from core.ids import uuid7
from modules.whatsapp import bell, keeping
from modules.whatsapp.choices import Driver, SessionStatus
from modules.whatsapp.exceptions import CodeNotReady, NotSupported
from modules.whatsapp.gateways.base import Standing
from modules.whatsapp.gateways.sandbox import DEFAULTS, NUMBER, received
from modules.whatsapp.models import InboundEvent, WhatsAppSession


def behave(*, session: WhatsAppSession, **options: Any) -> WhatsAppSession:
    """Set how the sandbox behaves; what is not named stays. Raises NotSupported, Invalid."""
    _check(session)
    if unknown := sorted(set(options) - set(DEFAULTS)):
        raise Invalid.field(unknown[0], "The sandbox has no such option.", "unknown")
    with transaction.atomic():
        found: WhatsAppSession = WhatsAppSession.objects.select_for_update(no_key=True, of=("self",)).get(pk=session.pk)
        found.options = {**found.options, **options}
        found.save(update_fields=["options", "updated_at"])
    return found


def scan(*, session: WhatsAppSession) -> WhatsAppSession:
    """Scan the code: the session is connected. Raises NotSupported, CodeNotReady."""
    _check(session)
    if session.status != SessionStatus.QR_READY:
        raise CodeNotReady
    number = session.pairing_number or NUMBER
    standing = Standing(SessionStatus.CONNECTED, phone_number=number, display_name="Sandbox")
    keeping.settle(keeping.Finding(keeping.care_of(session), standing))
    session.refresh_from_db()
    return session


def write(*, session: WhatsAppSession, sender: str, text: str) -> InboundEvent:
    """Have somebody write to the session. Raises NotSupported."""
    _check(session)
    with transaction.atomic():
        event: InboundEvent = InboundEvent.objects.create(
            session=session,
            driver=Driver.SANDBOX,
            event_id=f"in:{uuid7().hex}",
            payload=received(sender=sender, text=text, at=timezone.now()),
        )
        bell.INBOX.ring_after_commit()
    return event


def _check(session: WhatsAppSession) -> None:
    if not session.is_sandbox:
        raise NotSupported("This session is no sandbox.")
