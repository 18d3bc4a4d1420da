"""The messages of the AsyncAPI document: what goes over the socket, each as JSON Schema with an example."""

from collections.abc import Mapping
from typing import Any

from api.openapi_webhooks import EXAMPLE_ID, EXAMPLE_STREAM, EXAMPLE_TIME, component_name
from api.realtime.choices import MAX_FRAME_BYTES, MAX_STREAMS, MAX_STREAMS_PER_FRAME, PING_SECONDS
from api.realtime.credentials import MAX_TOKEN
from core.registry import socket_commands
from events.catalogue import EventType, event_types
from events.frames import milliseconds
from events.streams import MAX_NAME

# Each command of the platform: its answer, and what it is for.
_COMMANDS: dict[str, tuple[str, str]] = {
    "auth": ("hello", "Sign in, or renew a token that is about to expire (of the same account)."),
    "sub": ("subscribed", "Follow streams, from now on or from a position."),
    "unsub": ("done", "Follow streams no more."),
    "ping": ("pong", "Ask whether the server is there."),
}
_TS = milliseconds(EXAMPLE_TIME)
_EPOCH = "9f2c41aa"
_STREAM = {"type": "string", "maxLength": MAX_NAME, "description": "`<kind>:<id>`."}
_SEQ = {"type": "integer", "minimum": 0, "description": "A position in the stream."}
_MS = {"type": "integer", "description": "Milliseconds since the epoch."}


def commands() -> dict[str, tuple[str, str]]:
    """Each command, those of the installed apps too: the name of its answer, and what it is for."""
    return _COMMANDS | {name: (f"{name}.done", one.summary) for name, one in socket_commands().items()}


def event_name(kind: EventType) -> str:
    """The name of an event's message."""
    return kind.name


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _message(name: str, summary: str, payload: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": name, "summary": summary, "payload": payload, "examples": [{"name": name, "payload": example}]}


def _command(name: str, fields: Mapping[str, Any], example: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
    shape = _object({"t": {"type": "string", "const": name}, **fields}, {"id": _ref("CommandId"), **optional})
    return _message(name, commands()[name][1], shape, {"id": 1, "t": name, **example})


def _answer(name: str, summary: str, data: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    shape = _object({"id": _ref("CommandId"), "ok": {"type": "boolean", "const": True}, "d": data})
    return _message(name, summary, shape, {"id": 1, "ok": True, "d": example})


def all_messages() -> dict[str, Any]:
    """Every message by name: commands, answers, and what the server says unasked."""
    events = {event_name(kind): _event(kind) for kind in event_types() if kind.streams}
    return {**_commands(), **_answers(), **_unasked(), **events}


def _commands() -> dict[str, Any]:
    position = _object({}, {"since": _SEQ, "epoch": {"type": ["string", "null"], "maxLength": 64}})
    wanted = {"type": "object", "minProperties": 1, "maxProperties": MAX_STREAMS_PER_FRAME, "additionalProperties": position}
    names = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_STREAMS}
    token = {"type": "string", "minLength": 1, "maxLength": MAX_TOKEN, "description": "An access token, an API key or a ticket."}
    return {
        "auth": _command("auth", {"token": token}, {"token": "tkt_…"}),
        "sub": _command("sub", {"streams": wanted}, {"streams": {EXAMPLE_STREAM: {"since": 1040, "epoch": _EPOCH}}}),
        "unsub": _command("unsub", {"streams": names}, {"streams": [EXAMPLE_STREAM]}),
        "ping": _command("ping", {}, {}),
        **{name: _command(name, one.fields, one.example, **one.optional) for name, one in socket_commands().items()},
    }


def _answers() -> dict[str, Any]:
    limits = {"streams": MAX_STREAMS, "streams_per_frame": MAX_STREAMS_PER_FRAME, "frame_bytes": MAX_FRAME_BYTES}
    hello = {
        "conn": {"type": "string", "description": "The connection's id; quote it when you ask us about it."},
        "ping": {"type": "integer", "description": "Seconds between the server's pings."},
        "limits": _object({name: {"type": "integer"} for name in limits}),
        "user": {"type": "string", "format": "uuid"},
        "ts": _MS,
    }
    said = {"conn": EXAMPLE_ID, "ping": PING_SECONDS, "limits": limits, "user": EXAMPLE_STREAM.partition(":")[2], "ts": _TS}
    streams = {"type": "object", "additionalProperties": _ref("Subscription")}
    error = _object({"id": _ref("CommandId"), "ok": {"type": "boolean", "const": False}, "err": _ref("Error")})
    refusal = {"code": "rate_limited", "message": "Too many commands.", "temporary": True, "retry_ms": 800}
    return {
        "hello": _answer("hello", "Signed in.", _object(hello), said),
        "subscribed": _answer(
            "subscribed",
            "For each stream: followed now, or why not.",
            streams,
            {EXAMPLE_STREAM: {"recovered": True, "epoch": _EPOCH, "seq": 1040, "events": []}},
        ),
        "done": _answer("done", "Followed no more.", {"type": "object"}, {}),
        "pong": _answer("pong", "Here.", _object({"ts": _MS}), {"ts": _TS}),
        "error": _message("error", "A command was refused.", error, {"id": 1, "ok": False, "err": refusal}),
        **{
            f"{name}.done": _answer(f"{name}.done", "Carried out.", _object(dict(one.answer)), dict(one.answer_example))
            for name, one in socket_commands().items()
        },
    }


def _unasked() -> dict[str, Any]:
    restart = _object({"t": {"type": "string", "const": "restart"}, "d": _object({"retry_ms": {"type": "integer"}})})
    ephemeral = _object({"t": {"type": "string"}, "s": _STREAM, "d": {"type": "object"}})
    reset = _object({"t": {"type": "string", "const": "reset"}, "s": _STREAM, "epoch": {"type": "string"}, "seq": _SEQ})
    code = {"type": "string", "description": "A stable code."}
    unsubscribed = _object({"t": {"type": "string", "const": "unsubscribed"}, "s": _STREAM, "d": _object({"code": code})})
    end = _object({"t": {"type": "string", "const": "end"}, "d": _object({"code": code, "message": {"type": "string"}})})
    lost = {"t": "unsubscribed", "s": EXAMPLE_STREAM, "d": {"code": "stream_not_found"}}
    revoked = {"t": "end", "d": {"code": "api_key_revoked", "message": "The API key was revoked."}}
    return {
        "reset": _message(
            "reset",
            "Positions remembered of this stream mean nothing any more: load the state anew and go on from this one.",
            reset,
            {"t": "reset", "s": EXAMPLE_STREAM, "epoch": _EPOCH, "seq": 1040},
        ),
        "unsubscribed": _message("unsubscribed", "The stream may not be followed any more.", unsubscribed, lost),
        "end": _message("end", "The credential is not valid any more; the connection is closed with 4401.", end, revoked),
        "restart": _message("restart", "Connect again after so long.", restart, {"t": "restart", "d": {"retry_ms": 1200}}),
        "ephemeral": _message(
            "ephemeral",
            "Something of the moment: no position, may be dropped, is kept nowhere.",
            ephemeral,
            {"t": "typing", "s": EXAMPLE_STREAM, "d": {}},
        ),
    }


def _event(kind: EventType) -> dict[str, Any]:
    shape = {
        "allOf": [
            _ref("EventFrame"),
            _object({"t": {"type": "string", "const": kind.name}, "d": _ref(component_name(kind))}),
        ]
    }
    example = {"t": kind.name, "s": EXAMPLE_STREAM, "seq": 1043, "ts": _TS, "id": EXAMPLE_ID, "d": kind.example()}
    return _message(event_name(kind), kind.description, shape, example)


def schemas() -> dict[str, Any]:
    """What several messages share."""
    refused = _object({"error": _object({"code": {"type": "string"}})})
    followed = _object(
        {"epoch": {"type": "string"}, "seq": _SEQ},
        {
            "recovered": {"type": "boolean", "description": "With `since` only: whether `events` is all that came after it."},
            "events": {"type": "array", "items": _ref("EventFrame")},
        },
    )
    frame = {"t": {"type": "string"}, "s": _STREAM, "seq": _SEQ, "ts": _MS, "id": {"type": "string", "format": "uuid"}}
    return {
        "CommandId": {
            "type": ["integer", "string", "null"],
            "description": "Of the client's choosing, up to 64 characters; the answer repeats it.",
        },
        "Error": _object(
            {
                "code": {"type": "string", "description": "Stable; see docs/errors.md."},
                "message": {"type": "string", "description": "For people; may change."},
                "temporary": {"type": "boolean", "description": "Whether trying again later may help."},
            },
            {
                "retry_ms": {"type": "integer", "description": "How long to wait, in milliseconds."},
                "details": {
                    "type": "array",
                    "items": _object({name: {"type": "string"} for name in ("field", "code", "message")}),
                    "description": "Which fields are wrong.",
                },
            },
        ),
        "EventFrame": _object({**frame, "d": {"type": "object"}}),
        "Subscription": {"oneOf": [followed, refused]},
    }
