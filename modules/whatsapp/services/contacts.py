"""Who is not to be written to, and whether a number has WhatsApp."""

from typing import Any
from uuid import UUID

from django.db import transaction

from core import audit
from modules.whatsapp.choices import OptOutSource, SessionStatus
from modules.whatsapp.exceptions import GatewayAway, NotSupported, SessionMissing
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import GatewayError, NumberCheck
from modules.whatsapp.links import link_of
from modules.whatsapp.models import Contact, WhatsAppSession
from modules.whatsapp.optouts import opt_in, opt_out
from modules.whatsapp.services.messages import sending_session
from users.models import User


def add_opt_out(*, user_id: UUID, environment: str, recipient: str, actor: User) -> Contact:
    """Write to a number no more; what waits for it is taken back. Twice is harmless. Raises SessionMissing."""
    with transaction.atomic():
        session = _session(user_id, environment)
        contact, _ = Contact.objects.select_for_update(no_key=True, of=("self",)).get_or_create(
            session=session, phone_number=recipient
        )
        if contact.opted_out_at is None:
            source = OptOutSource.API if actor.pk == session.user_id else OptOutSource.ADMIN
            opt_out(contact=contact, source=source)
            audit.record("whatsapp.opted_out", **_target(contact, actor), changes={})
    found: Contact = contact
    return found


def remove_opt_out(*, contact: Contact, actor: User) -> None:
    """Take a number off the list. Twice is harmless."""
    with transaction.atomic():
        found = Contact.objects.select_for_update(no_key=True, of=("self",)).get(pk=contact.pk)
        if found.opted_out_at is not None:
            opt_in(contact=found)
            audit.record("whatsapp.opted_in", **_target(found, actor), changes={})


def check_number(*, user_id: UUID, environment: str, number: str) -> tuple[NumberCheck, bool]:
    """Ask the gateway; the second says whether it is the sandbox.

    Not to be called in a transaction: it waits for the answer, at most ten seconds.

    Raises SessionMissing, SessionSuspended, NotSupported, GatewayAway.
    """
    session = WhatsAppSession.objects.get(pk=sending_session(user_id, environment).id)
    driver = gateway(session.driver)
    if not driver.capabilities.number_check:
        raise NotSupported("This driver cannot check numbers.")
    if session.status != SessionStatus.CONNECTED:
        raise SessionMissing("The session is not connected now.")
    try:
        found = driver.check_number(link_of(session), number)
    except GatewayError as error:
        raise GatewayAway(error.message) from error
    return found, session.is_sandbox


def _session(user_id: UUID, environment: str) -> WhatsAppSession:
    session: WhatsAppSession | None = WhatsAppSession.objects.of(user_id=user_id, environment=environment).first()
    if session is None:
        raise SessionMissing
    return session


def _target(contact: Contact, actor: User) -> dict[str, Any]:
    return {"actor": actor, "target_type": "whatsapp_contact", "target_id": contact.pk, "target_label": str(contact)}
