"""One attempt to send a message: what the gateway made of it is an outcome. Nothing is decided here but what was sent."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from core import files
from modules.whatsapp import claims
from modules.whatsapp.choices import MEDIA_TYPES, MessageType
from modules.whatsapp.claims import Claim
from modules.whatsapp.exceptions import RecipientOptedOut, WindowClosed
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import Attachment, Gateway, GatewayError, Outgoing, Receipt, Verdict

log = logging.getLogger(__name__)
WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: a receipt, or an error. `is_repeatable`: sending it again under its id sends it once."""

    message_id: UUID
    session_id: UUID
    number: int
    tries: int
    is_repeatable: bool
    started_at: datetime
    duration_ms: int
    receipt: Receipt | None = None
    error: GatewayError | None = None


def attempt(claim: Claim) -> Outcome:
    """Send a message once. Raises nothing: whatever happens is an outcome."""
    started_at, began = timezone.now(), time.monotonic()
    driver = gateway(claim.driver)
    receipt: Receipt | None = None
    error: GatewayError | None = None
    client_message_id = claim.client_message_id
    verdict = Verdict.RETRY
    try:
        attachment = _check(claim, driver)
        if driver.capabilities.client_message_id and not client_message_id:
            client_message_id = driver.reserve_id(claim.link) or claims.UNNAMED
            _keep(claim, client_message_id)
        message = _outgoing(claim, client_message_id, attachment)
        # From here on nobody knows whether it left.
        verdict = Verdict.AMBIGUOUS
        receipt = driver.send(claim.link, message)
    except GatewayError as refused:
        error = refused
    except Exception:
        log.exception("Message %s could not be attempted", claim.message_id)
        error = GatewayError(verdict, "internal", "Something of ours failed while the message was sent.")
    return Outcome(
        message_id=claim.message_id,
        session_id=claim.session_id,
        number=claim.number,
        tries=claim.tries,
        is_repeatable=client_message_id not in ("", claims.UNNAMED),
        started_at=started_at,
        duration_ms=round((time.monotonic() - began) * 1000),
        receipt=receipt,
        error=error,
    )


def window_open(last_inbound_at: datetime | None, now: datetime | None = None) -> bool:
    """Whether the recipient wrote within the last day."""
    return last_inbound_at is not None and last_inbound_at > (now or timezone.now()) - WINDOW


def _check(claim: Claim, driver: Gateway) -> Attachment | None:
    if claim.opted_out:
        raise GatewayError(Verdict.FAIL, RecipientOptedOut.code, RecipientOptedOut.default_message)
    if driver.capabilities.window and claim.kind != MessageType.TEMPLATE and not window_open(claim.last_inbound_at):
        raise GatewayError(Verdict.FAIL, WindowClosed.code, WindowClosed.default_message)
    if claim.kind not in MEDIA_TYPES:
        return None
    content = files.read(claim.file) if claim.file else None
    if content is None:
        raise GatewayError(Verdict.FAIL, claim.file_error or "media_not_available", "The file could not be fetched or is gone.")
    return Attachment(content, claim.mime_type, claim.filename)


def _keep(claim: Claim, client_message_id: str) -> None:
    """In a thread of the pool: the connection is given back at once."""
    try:
        if not claims.keep_client_id(claim, client_message_id):
            raise GatewayError(Verdict.RETRY, "claim_lost", "The attempt took too long and was given up.")
    except (DatabaseError, InterfaceError) as error:
        raise GatewayError(Verdict.RETRY, "internal", "The database was away before the message was sent.") from error
    finally:
        connection.close()


def _outgoing(claim: Claim, client_message_id: str, attachment: Attachment | None) -> Outgoing:
    return Outgoing(
        id=claim.message_id,
        recipient=claim.recipient,
        kind=claim.kind,
        content=claim.content,
        chat_id=claim.chat_id,
        client_message_id="" if client_message_id == claims.UNNAMED else client_message_id,
        template=claim.template,
        attachment=attachment,
        reply_to=claim.reply_to,
    )
