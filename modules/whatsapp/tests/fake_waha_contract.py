"""What WAHA takes and gives: checks of calls, and the shapes that its engines give a message's id."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

# httpx puts the first five there by itself.
HEADERS = frozenset(
    ["host", "user-agent", "accept-encoding", "connection", "content-length", "accept", "x-api-key", "content-type"]
)
EVENTS = frozenset(["session.status", "message", "message.ack"])
STATUSES = (
    "STOPPED",
    "STARTING",
    "SCAN_QR_CODE",
    "PASSKEY_REQUIRED",
    "PASSKEY_CONFIRMATION_REQUIRED",
    "WORKING",
    "FAILED",
)
# How an engine answers a send: each takes the chat and the KEY.
SHAPES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "plain": lambda chat, key: {"id": key},
    "GOWS": lambda chat, key: {"id": f"true_{chat}_{key}", "timestamp": 1763744400, "fromMe": True},
    "WEBJS": lambda chat, key: {
        "id": {"fromMe": True, "remote": chat, "id": key, "_serialized": f"true_{chat}_{key}"},
        "ack": 0,
        "hasMedia": False,
    },
    "bare": lambda chat, key: {"id": {"fromMe": True, "remote": chat, "id": key}},
    "NOWEB": lambda chat, key: {
        "key": {"remoteJid": chat.replace("@c.us", "@s.whatsapp.net"), "fromMe": True, "id": key},
        "status": 1,
    },
}


def text(value: Any) -> bool:
    """Text that says something."""
    return isinstance(value, str) and value != ""


def matching(pattern: str) -> Check:
    """Text of a form."""
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def wrong_fields(value: Any, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *, at: str) -> list[str]:
    """What is wrong with an object that must have all of these, some of those maybe, and no others."""
    if not isinstance(value, dict):
        return [f"{at} is no object"]
    known = {**required, **(optional or {})}
    return [
        *(f"{at}.{name} is missing" for name in required if name not in value),
        *(f"{at}.{name} is unknown" for name in value if name not in known),
        *(f"{at}.{name} is wrong: {value[name]!r:.80}" for name in value if name in known and not known[name](value[name])),
    ]


def wrong_headers(headers: Mapping[str, str], *, has_body: bool) -> list[str]:
    """Names are in lower case. The key is checked elsewhere: a wrong one is answered with 401."""
    found = [f"header {name} is unknown" for name in headers if name not in HEADERS]
    if headers.get("accept-encoding") != "identity":
        found.append("a compressed answer is asked for")
    if headers.get("accept") not in ("application/json", "*/*"):
        found.append("Accept is wrong")
    if headers.get("content-type", "") != ("application/json" if has_body else ""):
        found.append(f"Content-Type is {headers.get('content-type')!r}")
    return found


def wrong_session(body: Any) -> list[str]:
    """What is wrong with a session to create."""
    found = wrong_fields(
        body,
        {"name": matching(r"[a-z0-9_-]{1,64}"), "start": lambda value: value is True, "config": lambda value: True},
        at="body",
    )
    if found:
        return found
    strings: Check = lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values())  # noqa: E731
    config = body["config"]
    found = wrong_fields(
        config, {"webhooks": lambda value: isinstance(value, list) and len(value) == 1}, {"metadata": strings}, at="config"
    )
    if found:
        return found
    hook = config["webhooks"][0]
    wanted = {
        "url": matching(r"https?://[^ ]+"),
        "events": lambda value: isinstance(value, list) and set(value) == EVENTS and len(value) == len(EVENTS),
        "hmac": lambda value: wrong_fields(value, {"key": text}, at="hmac") == [],
        "retries": lambda value: wrong_fields(value, _RETRIES, at="retries") == [],
    }
    return wrong_fields(hook, wanted, at="webhook")


def wrong_message(path: str, body: Any) -> list[str]:
    """What is wrong with a message to send; `path` is the last part of the call's."""
    required: dict[str, Check] = {"session": matching(r"[a-z0-9_-]{1,64}"), "chatId": _CHAT}
    optional: dict[str, Check] = {"id": matching(r"[0-9A-Z]{8,64}"), "reply_to": text}
    if path == "sendText":
        return wrong_fields(body, {**required, "text": text}, optional, at="body")
    if path == "sendVoice":
        optional["convert"] = lambda value: isinstance(value, bool)
    else:
        optional["caption"] = lambda value: isinstance(value, str)
    found = wrong_fields(body, {**required, "file": lambda value: isinstance(value, dict)}, optional, at="body")
    if found:
        return found
    filename = matching(r"[^/\\\x00-\x1f]{1,240}")
    return wrong_fields(body["file"], {"mimetype": matching(_MIME[path]), "filename": filename, "data": _base64}, at="file")


def _base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(base64.b64decode(value, validate=True)) > 0
    except binascii.Error:
        return False


_RETRIES: dict[str, Check] = {
    "policy": lambda value: value in ("linear", "exponential", "constant"),
    "delaySeconds": lambda value: type(value) is int and value > 0,
    "attempts": lambda value: type(value) is int and value > 0,
}
_CHAT = matching(r"[1-9][0-9]{5,19}@(c\.us|lid|s\.whatsapp\.net)")
_MIME = {"sendImage": r"image/.+", "sendVideo": r"video/.+", "sendVoice": r"audio/.+", "sendFile": r"[a-z]+/.+"}
