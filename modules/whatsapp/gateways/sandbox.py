"""A WhatsApp that is not one: it connects by itself, takes everything, acknowledges, and can be told to misbehave.

What it will say of a message it says through the same inbox as the real gateways (`Followup`). Nothing leaves the process.
"""

import secrets as random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone

from modules.whatsapp.choices import Driver, MessageStatus, MessageType, SessionStatus
from modules.whatsapp.gateways.base import (
    Acknowledgement,
    BadHook,
    Capabilities,
    Followup,
    Gateway,
    GatewayError,
    HookPart,
    Incoming,
    Link,
    NumberCheck,
    Outgoing,
    Pace,
    Receipt,
    Standing,
    Verdict,
    Word,
)

# What a session's `options` may say: each with its default.
DEFAULTS: dict[str, Any] = {
    "scan_after_ms": 1500,
    "delay_ms": 0,
    "delivered_after_ms": 300,
    "read_after_ms": 1200,
    "reply": "",
    "fail": "",
}
FAILURES = ("", "retry", "fail", "ambiguous", "pause", "action")
NUMBER = "+15550100000"
# Such numbers have no WhatsApp here.
NOBODY = "0000"
MAX_DELAY_MS = 2000


class Sandbox(Gateway):
    """The sandbox."""

    driver = Driver.SANDBOX
    is_immediate = True
    capabilities: ClassVar[Capabilities] = Capabilities(
        qr=True, pairing_code=True, templates=True, number_check=True, client_message_id=True, logout=True
    )
    pace: ClassVar[Pace] = Pace(per_second=20.0, burst=20, concurrency=4)

    def start(self, link: Link) -> Standing:
        """Show a code, until it is scanned (see `status`)."""
        if link.status in (SessionStatus.QR_READY, SessionStatus.CONNECTED):
            return self.status(link)
        if link.pairing_number:
            code = f"{random.token_hex(2)}-{random.token_hex(2)}".upper()
            return Standing(SessionStatus.QR_READY, pairing_code=code)
        return Standing(SessionStatus.QR_READY, qr_code=f"SANDBOX,{link.name},{random.token_urlsafe(24)}")

    def status(self, link: Link) -> Standing:
        """Connected once the code has been there for a moment."""
        if link.status == SessionStatus.QR_READY:
            wait = timedelta(milliseconds=_option(link, "scan_after_ms"))
            if timezone.now() < link.status_changed_at + wait:
                return Standing(SessionStatus.QR_READY)
        elif link.status != SessionStatus.CONNECTED:
            return Standing(SessionStatus.DISCONNECTED)
        return Standing(SessionStatus.CONNECTED, phone_number=link.pairing_number or NUMBER, display_name="Sandbox")

    def stop(self, link: Link, *, forget: bool) -> None:
        """There is nothing to stop."""

    def id_of(self, message_id: UUID) -> str:
        """Sent twice, it is one message."""
        return f"SBX{message_id.hex.upper()}"

    def send(self, link: Link, message: Outgoing) -> Receipt:
        """Take it, or fail as told."""
        time.sleep(min(_option(link, "delay_ms"), MAX_DELAY_MS) / 1000)
        if failure := _option(link, "fail"):
            raise GatewayError(Verdict(failure), f"sandbox_{failure}", "The sandbox was told to fail.")
        if message.recipient.endswith(NOBODY):
            raise GatewayError(Verdict.FAIL, "not_on_whatsapp", "The recipient has no WhatsApp.")
        provider_id = message.client_message_id or self.id_of(message.id)
        return Receipt(provider_id, chat_id=f"{message.recipient[1:]}@sandbox", followups=_followups(link, message, provider_id))

    def check_number(self, link: Link, number: str) -> NumberCheck:
        """Everybody but those that end in 0000."""
        exists = not number.endswith(NOBODY)
        return NumberCheck(exists, f"{number[1:]}@sandbox" if exists else "")

    def split_hook(self, payload: Mapping[str, Any]) -> Sequence[HookPart]:
        """The sandbox calls nobody."""
        raise BadHook

    def verify_hook(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        """The sandbox calls nobody."""
        raise BadHook

    def read(self, payload: Mapping[str, Any]) -> Sequence[Word]:
        """One of our own follow-ups."""
        at = datetime.fromtimestamp(payload["at"], UTC)
        if payload["kind"] == "ack":
            return [Acknowledgement(MessageStatus(payload["status"]), at, payload["id"], message_id=UUID(payload["message"]))]
        return [Incoming(payload["id"], payload["from"], MessageType.TEXT, payload["text"], at, name=payload.get("name", ""))]


def received(*, sender: str, text: str, at: datetime) -> dict[str, Any]:
    """A message to the sandbox, as `read` takes it."""
    return {"kind": "message", "id": f"SBXIN{random.token_hex(12).upper()}", "from": sender, "text": text, "at": at.timestamp()}


def _option(link: Link, name: str) -> Any:
    return link.options.get(name, DEFAULTS[name])


def _followups(link: Link, message: Outgoing, provider_id: str) -> list[Followup]:
    now = time.time()
    found = []
    for status in (MessageStatus.DELIVERED, MessageStatus.READ):
        after = _option(link, f"{status}_after_ms")
        # -1: it never happens.
        if after >= 0:
            at = now + after / 1000
            payload = {"kind": "ack", "id": provider_id, "message": str(message.id), "status": str(status), "at": at}
            found.append(Followup(after / 1000, payload))
    if reply := _option(link, "reply"):
        after = max((one.after for one in found), default=0.0) + 0.2
        moment = datetime.fromtimestamp(now + after, UTC)
        found.append(Followup(after, received(sender=message.recipient, text=reply, at=moment)))
    return found
