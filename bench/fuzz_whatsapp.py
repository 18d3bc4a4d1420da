"""What the fuzzer needs of WhatsApp: a session in the state that an operation asks for, things to act on, and numbers that exist.

Without them nearly every request would end at the same few refusals. One of four is left as it was made up.
"""

import hashlib
import hmac
import io
import itertools
import json
import zlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from bench.fuzz import GATEWAY_SECRET
from modules.whatsapp.choices import MessageStatus, MessageType, OptOutSource
from modules.whatsapp.models import Contact, Message, WhatsAppSession
from modules.whatsapp.services import bulks, media, messages
from modules.whatsapp.services.messages import Draft
from users.models import User

KINDS = {
    "/api/v1/messages/{id}/cancel/": "queued message",
    "/api/v1/messages/{id}/retry/": "cancelled message",
    "/api/v1/messages/bulks/": "bulk",
    "/api/v1/messages/media/": "file",
    "/api/v1/messages/opt-outs/": "opt-out",
    "/api/v1/messages/": "queued message",
}
# What may be done once to each thing.
USED_UP = ("/api/v1/messages/{id}/cancel/", "/api/v1/messages/{id}/retry/", "/api/v1/messages/bulks/{id}/cancel/")
_HOOKS = "/api/v1/whatsapp/hooks/"
_PDF = b"%PDF-1.7\n%%EOF\n"
_QUOTA = 1_000_000_000
_numbers = (f"+1415{exchange}{line:04}" for exchange in itertools.cycle(range(556, 560)) for line in range(10_000))
_calls = itertools.count()


def session_of(user: User, **fields: Any) -> WhatsAppSession:
    """The account's session: connected, unless told otherwise."""
    standing = {"driver": "sandbox", "wish": "connected", "status": "connected", "is_suspended": False, **fields}
    mine = WhatsAppSession.objects.of(user_id=user.pk, environment="live")
    if not mine.update(**standing):
        User.objects.filter(pk=user.pk).update(max_messages_per_day=_QUOTA)
        WhatsAppSession.objects.get_or_create(user=user, environment="live", defaults=standing)
    found: WhatsAppSession = mine.get()
    return found


def make(kind: str, owner: User) -> str:
    """A thing of the account: its id."""
    session = session_of(owner)
    later, number = timezone.now() + timedelta(days=1), next(_numbers)
    draft = Draft(MessageType.TEXT, "hello", send_at=later)
    if kind == "bulk":
        made = bulks.send_bulk(user_id=owner.pk, environment="live", recipients=[number, next(_numbers)], draft=draft)
        return str(made.pk)
    if kind == "file":
        content = io.BytesIO(_PDF)
        kept = media.upload(
            user_id=owner.pk, kind=MessageType.DOCUMENT, content=content, size=len(_PDF), filename=f"{uuid4().hex}.pdf"
        )
        return str(kept.pk)
    if kind == "opt-out":
        fields = {"opted_out_at": timezone.now(), "opt_out_source": OptOutSource.API}
        return str(Contact.objects.update_or_create(session=session, phone_number=number, defaults=fields)[0].pk)
    Contact.objects.filter(session=session, phone_number=number).delete()
    message = messages.send(user_id=owner.pk, environment="live", recipient=number, draft=draft)
    if kind == "cancelled message":
        Message.objects.filter(pk=message.pk).update(status=MessageStatus.CANCELLED, quota_day=None)
    return str(message.pk)


def prepare(path: str, user: User) -> None:
    """Bring the account's session where three calls of four of an operation have something to do."""
    if not path.startswith(("/api/v1/sessions/", "/api/v1/messages/")) or next(_calls) % 4 == 0:
        return
    if path.endswith(("/qr/", "/scan/")):
        session_of(user, status="qr_ready", qr_code=f"SANDBOX,{uuid4().hex}", status_changed_at=timezone.now())
    elif path.endswith("/init/"):
        session_of(user, wish="stopped", status="disconnected")
    else:
        session_of(user)


def _chance(given: dict[str, Any]) -> int:
    """The same for the same, so that a run can be repeated by its seed."""
    return zlib.crc32(repr(sorted(given.items(), key=repr)).encode("utf-8", "replace"))


def body(path: str, given: dict[str, Any], file_id: str) -> dict[str, Any]:
    """Numbers, files and times that exist in place of most random ones."""
    chance = _chance(given)
    if not path.startswith(("/api/v1/sessions/", "/api/v1/messages/")) or chance % 4 == 0:
        return given
    found, numbers = {**given}, [f"+1415555{(chance + place) % 10_000:04}" for place in range(3)]
    for name in {"recipient", "sender", "pairing_number"} & set(given):
        found[name] = numbers[0]
    if "recipients" in given:
        # Most others of so many fields that exclude each other are refused.
        found = {"recipients": numbers, "content": "hello"} if chance % 2 else {**found, "recipients": numbers}
    if "send_at" in found:
        found["send_at"] = (timezone.now() + timedelta(hours=1)).isoformat()
    if "template" in found:
        found["template"] = {"name": "hello_world", "language": "en_US"}
        found.pop("media", None)
        found.pop("content", None)
    if "media" in found:
        found.update({"media": file_id, **({"message_type": "document"} if "message_type" in given else {})})
    if "file" in given:
        found.update({"kind": "document", "file": _PDF})
    return found


class Gateways:
    """Sessions at real gateways that call us: one of WAHA, one of the Cloud API."""

    def __init__(self, owners: tuple[User, User]) -> None:
        self._waha = WhatsAppSession.objects.create(user=owners[0], driver="waha", status="connected", wish="connected")
        self._cloud = WhatsAppSession.objects.create(user=owners[1], driver="cloud_api", status="connected", wish="connected")

    def place(self, method: str, path: str, given: dict[str, Any]) -> dict[str, Any]:
        """The address of one of them: WAHA's to call, the Cloud API's to verify."""
        if not path.startswith(_HOOKS) or _chance(given) % 4 == 0:
            return given
        session = self._cloud if method == "GET" else self._waha
        return {**given, **{name: str(value) for name, value in self._of(session).items() if name in given}}

    def sign(self, case: Any, kwargs: dict[str, Any]) -> None:
        """Put WAHA's signature under a call; most say something of use."""
        if not case.operation.path.startswith(_HOOKS) or next(_calls) % 4 == 0:
            return
        if case.method.upper() == "GET":
            case.query = {"hub.mode": "subscribe", "hub.verify_token": GATEWAY_SECRET, "hub.challenge": "1158201444"}
        elif isinstance(case.body, dict):
            news = {"id": f"evt_{uuid4().hex}", "event": "session.status", "payload": {"status": "WORKING"}}
            raw = json.dumps(case.body if next(_calls) % 4 == 0 else {**case.body, **news}).encode()
            kwargs["data"] = raw
            case.headers = {
                **(case.headers or {}),
                "Content-Type": "application/json",
                "X-Webhook-Hmac": hmac.new(GATEWAY_SECRET.encode(), raw, hashlib.sha512).hexdigest(),
            }

    @staticmethod
    def _of(session: WhatsAppSession) -> dict[str, str | UUID]:
        return {"driver": session.driver, "session_id": session.pk}
