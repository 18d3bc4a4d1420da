"""The AsyncAPI 3.0 document of the socket `/ws/v1/`: commands, their answers, the frames of every event type, close codes."""

from typing import Any

from django.conf import settings

from api import asyncapi_messages as messages
from api.openapi_webhooks import payload_schemas
from api.realtime.choices import AUTH_SECONDS, MAX_FRAME_BYTES, MAX_STREAMS, PING_SECONDS, QUEUE_FRAMES, Close
from events.catalogue import event_types

VERSION = "3.0.0"
ADDRESS = "/ws/v1/"

# What a client does about each: the socket's own codes; others (1000, 1001, 1006, 1009, 1011) are RFC 6455's.
CLOSE_CODES: dict[Close, str] = {
    Close.PROTOCOL: "A frame was no command: mend the client before connecting again.",
    Close.AUTH: "Not authenticated, or not any more (revoked, expired): connect again with a fresh token.",
    Close.FORBIDDEN: "Not allowed to connect: do not connect again.",
    Close.SLOW: "The client did not read fast enough: connect again and resume with `since`.",
    Close.TOO_MANY: "Too many connections of this account: close one before connecting again.",
    Close.RESTART: "The server restarts: connect again after `retry_ms` and resume with `since`.",
}


def document(*, host: str, secure: bool) -> dict[str, Any]:
    """The document, with the server the reader is talking to."""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": f"{settings.SPECTACULAR_SETTINGS['TITLE']}: events",
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "description": _description(),
        },
        "defaultContentType": "application/json",
        "servers": {
            "this": {"host": host, "protocol": "wss" if secure else "ws", "description": "The server that gave you this."}
        },
        "channels": {"socket": _channel()},
        "operations": _operations(),
        "components": {
            "messages": messages.all_messages(),
            "schemas": {**messages.schemas(), **payload_schemas()},
        },
    }


def _description() -> str:
    return (
        f"One WebSocket, many streams. Text frames of JSON up to {MAX_FRAME_BYTES} bytes. "
        f"The first frame is `auth`, within {AUTH_SECONDS:.0f} seconds, with an access token, an API key (scope `events:read`) "
        "or a single-use ticket from `POST /api/v1/events/tickets/`; never put a token into the URL. "
        f"Then `sub` follows streams, {MAX_STREAMS} at most. "
        "Each event arrives at least once and in the order of `seq`, which has no gaps: drop what you have seen, and after a "
        "lost connection pass the last `seq` as `since` with the stream's `epoch`. Either all that was missed comes with the "
        "answer, or `recovered` is false: then load the state over REST and go on from the given `seq`. "
        f"A client that leaves more than {QUEUE_FRAMES} frames unread is closed with {Close.SLOW.value}. "
        f"The server pings every {PING_SECONDS} seconds."
    )


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{name}"}


def _channel() -> dict[str, Any]:
    return {
        "address": ADDRESS,
        "description": "Closed by the server with:\n\n"
        + "\n".join(f"- `{code.value}`: {why}" for code, why in CLOSE_CODES.items()),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages.all_messages()},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        "x-close-codes": {str(code.value): {"name": code.name.lower(), "description": why} for code, why in CLOSE_CODES.items()},
    }


def _operations() -> dict[str, Any]:
    """As AsyncAPI has it, from the server's side: it receives commands, answers them, and sends events."""
    channel = {"$ref": "#/channels/socket"}
    found: dict[str, Any] = {
        name: {
            "action": "receive",
            "channel": channel,
            "summary": summary,
            "messages": [_reference(name)],
            "reply": {"channel": channel, "messages": [_reference(answer), _reference("error")]},
        }
        for name, (answer, summary) in messages.commands().items()
    }
    sent = [messages.event_name(kind) for kind in event_types() if kind.streams]
    found["events"] = {
        "action": "send",
        "channel": channel,
        "summary": "The events of the followed streams.",
        "messages": [_reference(name) for name in [*sent, "ephemeral", "reset"]],
    }
    for name, summary in (
        ("restart", "The server is about to restart."),
        ("unsubscribed", "A stream may not be followed any more."),
        ("end", "The credential is not valid any more."),
    ):
        found[name] = {"action": "send", "channel": channel, "summary": summary, "messages": [_reference(name)]}
    return found
