"""WAHA, a self-hosted HTTP gateway (https://waha.devlike.pro/docs/): sessions that a phone links by QR or pairing code."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlencode

from django.conf import settings
from django.utils import timezone

from modules.whatsapp.choices import Driver, MessageType, SessionStatus
from modules.whatsapp.gateways.base import (
    BadHook,
    Capabilities,
    Credential,
    Gateway,
    GatewayError,
    HookPart,
    Link,
    NumberCheck,
    Outgoing,
    Pace,
    Receipt,
    Standing,
    Verdict,
    Word,
)
from modules.whatsapp.gateways.calling import json_of, text_at
from modules.whatsapp.gateways.waha_hooks import EVENTS, key_of, number_of, read, split
from modules.whatsapp.gateways.waha_server import Server, nonsense

STATUSES = {
    "STOPPED": SessionStatus.DISCONNECTED,
    "STARTING": SessionStatus.CONNECTING,
    "SCAN_QR_CODE": SessionStatus.QR_READY,
    "PASSKEY_REQUIRED": SessionStatus.ACTION_REQUIRED,
    "PASSKEY_CONFIRMATION_REQUIRED": SessionStatus.ACTION_REQUIRED,
    "WORKING": SessionStatus.CONNECTED,
    "FAILED": SessionStatus.FAILED,
}
_SEND = {
    MessageType.IMAGE: "sendImage",
    MessageType.VIDEO: "sendVideo",
    MessageType.AUDIO: "sendVoice",
    MessageType.DOCUMENT: "sendFile",
}
# A pairing code is good for so long, and asking for another ends it; those that look after sessions come every few seconds.
PAIRING_SECONDS = 180
LOOK_SECONDS = 6
# What fits on a QR code.
MAX_QR = 2000
MAX_PAIRING_CODE = 16
MAX_CHAT = 64
# Files are all that is fetched by a path that came from outside, and only one's own: the server has other sessions.
_FILE = re.compile(r"/api/files/(?:([a-z0-9_-]+)/)?(?!\.)([A-Za-z0-9_@.+=-]+)\Z")


class Waha(Gateway):
    """One WAHA server."""

    driver = Driver.WAHA
    capabilities: ClassVar[Capabilities] = Capabilities(
        qr=True, pairing_code=True, number_check=True, client_message_id=True, logout=True
    )
    pace: ClassVar[Pace] = Pace(per_second=1.0, burst=5, concurrency=2)
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential(
            "url", "Where the server is, https and public. Left out: the operator's server.", required=False, secret=False
        ),
        Credential("api_key", "What it wants in X-Api-Key.", required=False),
        Credential("hmac_key", "What it is to sign its calls with.", required=False),
    )

    def is_configured(self, secrets: Mapping[str, str]) -> bool:
        """A server, and a key that its calls are signed with."""
        server = Server.of(secrets)
        return bool(server.url and server.hmac_key)

    def start(self, link: Link) -> Standing:
        """Create the session, or start the one that is there."""
        server = Server.of(link.secrets)
        hook = {
            "url": link.hook_url,
            "events": list(EVENTS),
            "hmac": {"key": server.hmac_key},
            "retries": {"policy": "exponential", "delaySeconds": 2, "attempts": 15},
        }
        made = server.call(
            "POST", "/api/sessions", {"name": link.name, "start": True, "config": {"webhooks": [hook]}}, known=(422,)
        )
        if made.status_code == 422:
            # It is there already; whatever the start of a running one answers, its state is read below.
            server.call("POST", f"/api/sessions/{quote(link.name)}/start", {}, known=(422,))
        return self._standing(server, link, wants_code=True)

    def status(self, link: Link) -> Standing:
        """Ask, and fetch the code where there is one to scan."""
        age = (timezone.now() - link.status_changed_at).total_seconds()
        is_new = link.status != SessionStatus.QR_READY
        is_over = age >= PAIRING_SECONDS and age % PAIRING_SECONDS < LOOK_SECONDS
        return self._standing(Server.of(link.secrets), link, wants_code=is_new or is_over)

    def _standing(self, server: Server, link: Link, *, wants_code: bool) -> Standing:
        answer = server.call("GET", f"/api/sessions/{quote(link.name)}", known=(404,))
        if answer.status_code == 404:
            return Standing(SessionStatus.DISCONNECTED, reason="unlinked", detail="The gateway does not know this session.")
        found = json_of(answer)
        status = STATUSES.get(text_at(found, "status"))
        if status is None:
            raise nonsense()
        if status == SessionStatus.QR_READY:
            return self._code(server, link, wants_code=wants_code)
        if status == SessionStatus.ACTION_REQUIRED:
            return Standing(status, reason="passkey_required", detail="Confirm the passkey on the phone.")
        return Standing(
            status, phone_number=number_of(text_at(found, "me", "id")), display_name=text_at(found, "me", "pushName")[:100]
        )

    def _code(self, server: Server, link: Link, *, wants_code: bool) -> Standing:
        """No event carries the QR code, and it changes: it is fetched each time. A pairing code stays until the next."""
        if not link.pairing_number:
            code = text_at(json_of(server.call("GET", f"/api/{quote(link.name)}/auth/qr?format=raw")), "value")
            if not 0 < len(code) <= MAX_QR:
                raise nonsense()
            return Standing(SessionStatus.QR_READY, qr_code=code)
        if not wants_code:
            return Standing(SessionStatus.QR_READY)
        asked = {"phoneNumber": link.pairing_number.removeprefix("+")}
        code = text_at(json_of(server.call("POST", f"/api/{quote(link.name)}/auth/request-code", asked)), "code")
        if not 0 < len(code) <= MAX_PAIRING_CODE:
            raise nonsense()
        return Standing(SessionStatus.QR_READY, pairing_code=code)

    def restart(self, link: Link) -> Standing:
        """Down and up again."""
        server = Server.of(link.secrets)
        if server.call("POST", f"/api/sessions/{quote(link.name)}/restart", {}, known=(404, 422)).status_code == 404:
            return self.start(link)
        return self._standing(server, link, wants_code=True)

    def stop(self, link: Link, *, forget: bool) -> None:
        """Stop it; to forget is to log the phone out and remove the session."""
        server = Server.of(link.secrets)
        path = f"/api/sessions/{quote(link.name)}"
        if forget:
            server.call("POST", f"{path}/logout", {}, known=(404, 422))
            server.call("DELETE", path, known=(404,))
        else:
            server.call("POST", f"{path}/stop", {}, known=(404, 422))

    def reserve_id(self, link: Link) -> str:
        """An id that makes sending it twice send it once; empty where the engine has none."""
        answer = Server.of(link.secrets).call("GET", f"/api/{quote(link.name)}/new-message-id", known=(404, 501))
        if answer.status_code in (404, 501):
            return ""
        if not (key := key_of(json_of(answer))):
            raise nonsense()
        return key

    def send(self, link: Link, message: Outgoing) -> Receipt:
        """Text or a file."""
        chat = message.chat_id or f"{message.recipient.removeprefix('+')}@c.us"
        body: dict[str, Any] = {"session": link.name, "chatId": chat}
        if message.client_message_id:
            body["id"] = message.client_message_id
        if message.reply_to:
            body["reply_to"] = message.reply_to
        timeout = settings.WHATSAPP_TIMEOUT_SECONDS
        if message.attachment is None:
            path, body["text"] = "/api/sendText", message.content
        else:
            path, timeout = f"/api/{_SEND[message.kind]}", settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS
            file = message.attachment
            body["file"] = {
                "mimetype": file.mime_type,
                "filename": file.filename,
                "data": base64.b64encode(file.content).decode(),
            }
            if message.kind != MessageType.AUDIO:
                body["caption"] = message.content
            elif not file.mime_type.startswith("audio/ogg"):
                # Phones play nothing else as a voice message.
                body["convert"] = True
        answer = Server.of(link.secrets).call("POST", path, body, timeout=timeout, sends=True)
        key = key_of(json_of(answer))
        if not key:
            raise nonsense(Verdict.AMBIGUOUS)
        return Receipt(key, chat_id=chat)

    def check_number(self, link: Link, number: str) -> NumberCheck:
        """Ask WhatsApp for its id of a number."""
        query = urlencode({"phone": number.removeprefix("+"), "session": link.name})
        found = json_of(Server.of(link.secrets).call("GET", f"/api/contacts/check-exists?{query}"))
        if not isinstance(found, dict) or not isinstance(found.get("numberExists"), bool):
            raise nonsense()
        chat = text_at(found, "chatId")
        return NumberCheck(found["numberExists"], chat if len(chat) <= MAX_CHAT else "")

    def fetch(self, link: Link, reference: str, *, max_bytes: int) -> bytes:
        """A file that the server keeps, by the path it named: it may be known to us by another name than to itself."""
        found = _FILE.search(unquote(reference).partition("?")[0])
        if found is None or found.group(1) not in (None, link.name):
            raise GatewayError(Verdict.FAIL, "media_not_found", "The gateway has no such file.")
        timeout = settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS
        answer = Server.of(link.secrets).call(
            "GET", quote(found.group()), known=(404,), timeout=timeout, max_bytes=max_bytes, accept="*/*"
        )
        if answer.status_code == 404:
            raise GatewayError(Verdict.FAIL, "media_not_found", "The gateway has no such file.")
        return answer.body

    def verify_hook(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        """HMAC-SHA512 of the raw body, in hex."""
        key = Server.of(secrets).hmac_key
        given = headers.get("x-webhook-hmac", "")
        if not key or headers.get("x-webhook-hmac-algorithm", "sha512") != "sha512" or not given.isascii():
            raise BadHook
        if not hmac.compare_digest(hmac.new(key.encode(), body, hashlib.sha512).hexdigest(), given.lower()):
            raise BadHook

    def split_hook(self, payload: Mapping[str, Any]) -> Sequence[HookPart]:
        """One call tells one thing."""
        return split(payload)

    def read(self, payload: Mapping[str, Any]) -> Sequence[Word]:
        """A change of state, an acknowledgement or a message."""
        return read(payload)
