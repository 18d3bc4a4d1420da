"""What the Cloud API calls us with: the bodies, their signature, and the sending of them."""

import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

BUSINESS = "102290129340398"
DISPLAY = "15550783881"


def sign(app_secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def envelope(*values: dict[str, Any]) -> dict[str, Any]:
    """A call's body: each value in an entry of its own."""
    entries = [{"id": BUSINESS, "changes": [{"value": value, "field": "messages"}]} for value in values]
    return {"object": "whatsapp_business_account", "entry": entries}


def value(number_id: str, *, statuses: Sequence[Any] = (), messages: Sequence[Any] = (), name: str = "") -> dict[str, Any]:
    """What one change says: statuses or messages of one number."""
    found: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": DISPLAY, "phone_number_id": number_id},
    }
    if statuses:
        found["statuses"] = list(statuses)
    if messages:
        senders = dict.fromkeys(message["from"] for message in messages)
        found["contacts"] = [{"profile": {"name": name}, "wa_id": sender} for sender in senders]
        found["messages"] = list(messages)
    return found


def status(message_id: str, kind: str, *, recipient: str, at: float | None = None, **more: Any) -> dict[str, Any]:
    """A status; `more` is what only some have: errors, biz_opaque_callback_data."""
    found = {"id": message_id, "status": kind, "timestamp": str(int(at or time.time())), "recipient_id": recipient, **more}
    if kind != "failed":
        category = {"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"}
        found["pricing"] = category
    return found


def failure(code: int, title: str = "", details: str = "") -> dict[str, Any]:
    """An error as a failed status holds it."""
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}}


def message(sender: str, kind: str = "text", *, message_id: str = "", at: float | None = None, **content: Any) -> dict[str, Any]:
    """A message somebody wrote; `content` is that of its kind, and `context`."""
    context = content.pop("context", None)
    found: dict[str, Any] = {
        "from": sender,
        "id": message_id or f"wamid.{secrets.token_hex(16).upper()}",
        "timestamp": str(int(at or time.time())),
        "type": kind,
        kind: content,
    }
    return {"context": context, **found} if context else found


class HookCaller:
    """Calls a hook as Meta does."""

    def __init__(self, url: str, app_secret: str) -> None:
        self.url = url
        self._app_secret = app_secret

    def post(self, payload: dict[str, Any] | bytes) -> int:
        """Send one call; the answer's status, 0 when there was none."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(self._app_secret, body)}
        return self._call(urllib.request.Request(self.url, body, headers))[0]

    def verify(self, token: str, challenge: str = "1158201444") -> tuple[int, str]:
        """Ask for the challenge, as Meta does once when a hook is set up: status and body."""
        asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
        return self._call(urllib.request.Request(f"{self.url}?{urllib.parse.urlencode(asked)}"))

    @staticmethod
    def _call(request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""
