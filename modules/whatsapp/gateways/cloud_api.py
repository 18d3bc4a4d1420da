"""WhatsApp's Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api): a business number with a token, no phone.

It takes no id of ours for a message, but gives `biz_opaque_callback_data` back with each status: so a message whose answer was
lost is still found when its status comes.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings

from core import outgoing
from modules.whatsapp.choices import Driver, MessageType, SessionStatus
from modules.whatsapp.gateways.base import (
    Attachment,
    BadHook,
    Capabilities,
    Credential,
    Gateway,
    GatewayError,
    HookPart,
    Link,
    Outgoing,
    Pace,
    Receipt,
    Standing,
    Verdict,
    Word,
)
from modules.whatsapp.gateways.calling import call, json_of, text_at
from modules.whatsapp.gateways.cloud_api_errors import refusal
from modules.whatsapp.gateways.cloud_api_hooks import MAX_ID, MEDIA_ID, split, words

_NUMBER_ID = re.compile(r"[0-9]{1,64}")


class CloudAPI(Gateway):
    """Meta's gateway."""

    driver = Driver.CLOUD_API
    capabilities: ClassVar[Capabilities] = Capabilities(templates=True, window=True)
    pace: ClassVar[Pace] = Pace(per_second=80.0, burst=80, pair_seconds=6.0, concurrency=16)
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("phone_number_id", "The business number's id.", secret=False),
        Credential("access_token", "A token that may send with it."),
        Credential("app_secret", "What Meta signs its calls with. Left out: that of the operator's app.", required=False),
        Credential("verify_token", "What Meta is to say when it verifies the webhook. Left out: the operator's.", required=False),
    )

    def is_configured(self, secrets: Mapping[str, str]) -> bool:
        """A number, a token, and a secret to check Meta's calls with."""
        return bool(secrets.get("phone_number_id") and secrets.get("access_token") and _app_secret(secrets))

    def routing_id(self, secrets: Mapping[str, str]) -> str | None:
        """The number's id at Meta."""
        return secrets.get("phone_number_id", "")[:64] or None

    def start(self, link: Link) -> Standing:
        """Nothing to start: see whether the token is good for the number."""
        return self.status(link)

    def status(self, link: Link) -> Standing:
        """Ask for the number with its token."""
        try:
            found = json_of(self._call(link.secrets, "GET", "?fields=display_phone_number,verified_name"))
        except GatewayError as error:
            if error.verdict == Verdict.RETRY:
                raise
            return Standing(SessionStatus.ACTION_REQUIRED, reason=error.code, detail=error.message)
        digits = re.sub(r"[^0-9]", "", text_at(found, "display_phone_number"))
        if not digits:
            raise GatewayError(Verdict.RETRY, "gateway_nonsense", "The gateway's answer makes no sense.")
        return Standing(
            SessionStatus.CONNECTED, phone_number=f"+{digits}"[:16], display_name=text_at(found, "verified_name")[:100]
        )

    def stop(self, link: Link, *, forget: bool) -> None:
        """The number stays Meta's; there is nothing to tell it."""

    def send(self, link: Link, message: Outgoing) -> Receipt:
        """Text, a file (uploaded first) or a template."""
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.recipient.removeprefix("+"),
            "type": str(message.kind),
            "biz_opaque_callback_data": str(message.id),
        }
        if message.reply_to:
            body["context"] = {"message_id": message.reply_to}
        body[str(message.kind)] = self._content(link, message)
        answer = self._call(link.secrets, "POST", "/messages", body, timeout=settings.WHATSAPP_TIMEOUT_SECONDS, sends=True)
        found = json_of(answer)
        messages = found.get("messages") if isinstance(found, dict) else None
        provider_id = text_at(messages[0], "id") if isinstance(messages, list) and messages else ""
        if not provider_id or len(provider_id) > MAX_ID:
            raise GatewayError(Verdict.AMBIGUOUS, "gateway_nonsense", "The gateway's answer makes no sense.")
        contacts = found.get("contacts")
        # Some numbers are called otherwise by WhatsApp (Brazil's ninth digit): their answers come from there.
        chat_id = text_at(contacts[0], "wa_id") if isinstance(contacts, list) and contacts else ""
        return Receipt(provider_id, chat_id=chat_id[:64])

    def fetch(self, link: Link, reference: str, *, max_bytes: int) -> bytes:
        """First where the file is, then the file; both with the token."""
        if not MEDIA_ID.fullmatch(reference):
            raise GatewayError(Verdict.FAIL, "media_not_found", "The gateway has no such file.")
        found = json_of(self._request(link.secrets, "GET", f"{settings.WHATSAPP_CLOUD_API_URL}/{reference}"))
        url = text_at(found, "url")
        if not url:
            raise GatewayError(Verdict.RETRY, "gateway_nonsense", "The gateway's answer makes no sense.")
        size = found.get("file_size")
        if isinstance(size, int) and size > max_bytes:
            raise GatewayError(Verdict.FAIL, "media_too_large", "The file is too large.")
        # Where it is was not said by the operator.
        timeout = settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS
        return self._request(link.secrets, "GET", url, timeout=timeout, max_bytes=max_bytes, trusted=False).body

    def verify_hook(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        """HMAC-SHA256 of the raw body with the app's secret."""
        key, given = _app_secret(secrets), headers.get("x-hub-signature-256", "")
        if not key or not given.isascii() or not given.startswith("sha256="):
            raise BadHook
        if not hmac.compare_digest(hmac.new(key.encode(), body, hashlib.sha256).hexdigest(), given[7:].lower()):
            raise BadHook

    def split_hook(self, payload: Mapping[str, Any]) -> Sequence[HookPart]:
        """A call holds many things, of several numbers."""
        return split(payload)

    def read(self, payload: Mapping[str, Any]) -> Sequence[Word]:
        """A status or a message."""
        return words(payload)

    def _content(self, link: Link, message: Outgoing) -> dict[str, Any]:
        if message.kind == MessageType.TEXT:
            return {"body": message.content, "preview_url": False}
        if message.kind == MessageType.TEMPLATE:
            return _template(message)
        if message.attachment is None:
            raise GatewayError(Verdict.FAIL, "media_not_available", "The file is not there.")
        content = {"id": self._upload(link, message.attachment)}
        if message.content and message.kind != MessageType.AUDIO:
            content["caption"] = message.content
        if message.kind == MessageType.DOCUMENT and message.attachment.filename:
            content["filename"] = message.attachment.filename
        return content

    def _upload(self, link: Link, file: Attachment) -> str:
        content, content_type = outgoing.multipart(
            {"messaging_product": "whatsapp", "type": file.mime_type},
            name="file",
            # A part without a file name is no file.
            filename=file.filename or "file",
            content=file.content,
            mime_type=file.mime_type,
        )
        headers, timeout = {"Content-Type": content_type}, settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS
        # An upload alone sends nothing to anybody: it can be repeated.
        answer = self._call(link.secrets, "POST", "/media", content=content, headers=headers, timeout=timeout)
        media_id = text_at(json_of(answer), "id")
        if not media_id:
            raise GatewayError(Verdict.RETRY, "gateway_nonsense", "The gateway's answer makes no sense.")
        return media_id

    def _call(
        self, secrets: Mapping[str, str], method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any
    ) -> outgoing.OutgoingResponse:
        number_id = secrets.get("phone_number_id", "")
        # It becomes part of an address that is trusted: no dots, no slashes.
        if not _NUMBER_ID.fullmatch(number_id):
            raise GatewayError(Verdict.ACTION, "phone_number_id_malformed", "The phone number id is not one: it has only digits.")
        return self._request(secrets, method, f"{settings.WHATSAPP_CLOUD_API_URL}/{number_id}{path}", body=body, **options)

    def _request(
        self,
        secrets: Mapping[str, str],
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15.0,
        sends: bool = False,
        trusted: bool = True,
        **options: Any,
    ) -> outgoing.OutgoingResponse:
        # A token is copied from a page, often with a line's end.
        sent = {"Authorization": f"Bearer {secrets.get('access_token', '').strip()}".strip(), **(headers or {})}
        answer = call(method, url, headers=sent, timeout=timeout, sends=sends, trusted=trusted, **options)
        if not 200 <= answer.status_code < 300:
            raise refusal(answer, sends=sends)
        return answer


def verify_token(secrets: Mapping[str, str]) -> str:
    """What Meta is to say when it verifies the webhook."""
    return secrets.get("verify_token") or settings.WHATSAPP_CLOUD_API_VERIFY_TOKEN


def _app_secret(secrets: Mapping[str, str]) -> str:
    return secrets.get("app_secret") or settings.WHATSAPP_CLOUD_API_APP_SECRET


def _template(message: Outgoing) -> dict[str, Any]:
    if message.template is None:
        raise GatewayError(Verdict.FAIL, "template_missing", "The message names no template.")
    content: dict[str, Any] = {"name": message.template["name"], "language": {"code": message.template["language"]}}
    if parameters := message.template.get("parameters"):
        content["components"] = [{"type": "body", "parameters": [{"type": "text", "text": text} for text in parameters]}]
    return content
