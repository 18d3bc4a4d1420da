"""What WAHA calls us with: the bodies, their signature, and the sending of them."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

ACKS = {"error": (-1, "ERROR"), "pending": (0, "PENDING"), "sent": (1, "SERVER"), "delivered": (2, "DEVICE"), "read": (3, "READ")}
ACKS["played"] = (4, "PLAYED")
ME = {"id": "15550100000@c.us", "pushName": "Shop"}


def sign(key: str, body: bytes) -> dict[str, str]:
    """The headers of a call."""
    return {
        "Content-Type": "application/json",
        "X-Webhook-Request-Id": secrets.token_hex(13),
        "X-Webhook-Timestamp": str(int(time.time() * 1000)),
        "X-Webhook-Hmac": hmac.new(key.encode(), body, hashlib.sha512).hexdigest(),
        "X-Webhook-Hmac-Algorithm": "sha512",
    }


def envelope(
    event: str, session: str, payload: Mapping[str, Any], *, event_id: str = "", at: float | None = None
) -> dict[str, Any]:
    """A call's body."""
    return {
        "id": event_id or f"evt_{secrets.token_hex(13)}",
        "timestamp": int((at or time.time()) * 1000),
        "event": event,
        "session": session,
        "metadata": {},
        "me": ME,
        "engine": "WEBJS",
        "payload": payload,
    }


def ack(key: str, chat: str, kind: str, **more: Any) -> dict[str, Any]:
    """What a message.ack holds; the chat of its id may be another than it was when the message was sent."""
    number, name = ACKS[kind]
    return {
        "id": f"true_{chat}_{key}",
        "from": ME["id"],
        "to": chat,
        "participant": None,
        "fromMe": True,
        "ack": number,
        "ackName": name,
        **more,
    }


def message(chat: str, body: str, *, key: str = "", at: float | None = None, **more: Any) -> dict[str, Any]:
    """What a message holds."""
    found = {
        "id": f"false_{chat}_{key or secrets.token_hex(10).upper()}",
        "timestamp": int(at or time.time()),
        "from": chat,
        "fromMe": False,
        "to": ME["id"],
        "body": body,
        "hasMedia": False,
        "ack": 2,
    }
    return {**found, **more}


def post(url: str, key: str, payload: Any) -> int:
    """Send one call; the answer's status, 0 when there was none."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        connection.request("POST", parts.path, body, sign(key, body))
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
