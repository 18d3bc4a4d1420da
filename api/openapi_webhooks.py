"""The document's `webhooks`: what an endpoint gets for each event type of the catalogue (Standard Webhooks 1.0)."""

from datetime import UTC, datetime
from typing import Any

from events.catalogue import EventType, event_types

EXAMPLE_ID = "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"
EXAMPLE_STREAM = "user:0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"
EXAMPLE_TIME = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)

PARAMETERS: dict[str, Any] = {
    "WebhookId": {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "The same for every attempt and replay of an event to an endpoint: drop what you have seen.",
        "schema": {"type": "string", "maxLength": 64},
        "example": f"msg_{EXAMPLE_ID.replace('-', '')}",
    },
    "WebhookTimestamp": {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "When this attempt was made, in seconds since the epoch. Refuse what is minutes old.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": str(int(EXAMPLE_TIME.timestamp())),
    },
    "WebhookSignature": {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": "`v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>` with the endpoint's "
        "secret (the bytes after `whsec_`, base64-decoded); several, separated by spaces, while a secret is being rotated.",
        "schema": {"type": "string"},
        "example": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    },
}
_RESPONSES: dict[str, Any] = {
    "2XX": {"description": "Taken. Answer within 15 seconds; the body is not read beyond its head."},
    "410": {"description": "Gone: the endpoint is switched off at once."},
    "429": {
        "description": "Later: tried again after `Retry-After`.",
        "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    },
    "default": {"description": "Anything else, a redirect too, is a failure and is tried again on the schedule."},
}


def component_name(kind: EventType) -> str:
    """The payload's name among the schemas: `user.created` is EventUserCreated."""
    return "Event" + kind.name.replace(".", "_").title().replace("_", "")


def payload_schemas() -> dict[str, Any]:
    """Every type's payload, by component name."""
    return {component_name(kind): {**kind.schema(), "example": kind.example()} for kind in event_types()}


def webhooks() -> dict[str, Any]:
    """One operation for each event type."""
    return {kind.name: {"post": _operation(kind)} for kind in event_types()}


def _operation(kind: EventType) -> dict[str, Any]:
    return {
        "operationId": f"webhook_{kind.name.replace('.', '_')}",
        "summary": kind.name,
        "description": kind.description,
        "tags": ["webhooks"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body(kind), "example": body_example(kind)}},
        },
        "responses": _RESPONSES,
        "security": [],
    }


def _body(kind: EventType) -> dict[str, Any]:
    place = ("string", "integer") if kind.streams else ("null", "null")
    properties = {
        "type": {"type": "string", "const": kind.name},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "id": {"type": "string", "format": "uuid", "description": "The event's id."},
        "stream": {"type": place[0], "description": "The stream it is in; null for what is in none."},
        "seq": {"type": place[1], "description": "Its place in the stream; null for what is in none."},
        "data": {"$ref": f"#/components/schemas/{component_name(kind)}"},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def body_example(kind: EventType) -> dict[str, Any]:
    """A whole body."""
    return {
        "type": kind.name,
        "timestamp": EXAMPLE_TIME.isoformat().replace("+00:00", "Z"),
        "id": EXAMPLE_ID,
        "stream": EXAMPLE_STREAM if kind.streams else None,
        "seq": 1043 if kind.streams else None,
        "data": kind.example(),
    }
