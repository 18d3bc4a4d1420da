"""Examples made from the schema itself, for every request and answer that brings none of its own."""

from typing import Any

_BY_FORMAT = {
    "uuid": "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11",
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "ipv4": "203.0.113.7",
    "binary": "(file)",
}
_BY_NAME = {
    "username": "someone",
    "password": "correct horse battery",
    "current_password": "correct horse battery",
    "new_password": "another long phrase",
    "display_name": "Someone",
    "name": "Integration",
    "key": "atl_live_" + "0" * 43 + "000000",
    "prefix": "atl_live_3kF9",
    "last_four": "x7Qz",
    "ip_address": "203.0.113.7",
    "endpoint": "/api/v1/auth/me/",
    "method": "GET",
    "time_zone": "Europe/Berlin",
    "locale": "en",
    "stream": "user:019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11",
    "type": "user.updated",
    "kind": "user",
    "scope": "events:read",
    "ticket": "tkt_" + "0" * 43,
    "request_id": "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11",
}
_MAX_DEPTH = 8


def add_examples(schema: dict[str, Any]) -> None:
    """Add `example` to each JSON body without one, in place."""
    components = schema["components"]["schemas"]
    for operations in schema.get("paths", {}).values():
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
            for body in bodies:
                for media_type, content in body.get("content", {}).items():
                    if "json" in media_type and "example" not in content and "examples" not in content:
                        content["example"] = _sample(content.get("schema", {}), components, "", 0)


def _sample(schema: dict[str, Any], components: dict[str, Any], name: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _sample(components.get(schema["$ref"].rpartition("/")[2], {}), components, name, depth + 1)
    for key in ("const", "example", "default"):
        if key in schema:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key):
            return _sample(schema[key][0], components, name, depth + 1)
    return _by_type(schema, components, name, depth)


def _by_type(schema: dict[str, Any], components: dict[str, Any], name: str, depth: int) -> Any:
    kind = schema.get("type", "object")
    kind = next((item for item in kind if item != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: _sample(value, components, key, depth + 1) for key, value in properties.items()}
    if kind == "array":
        return [_sample(schema.get("items", {}), components, name, depth + 1)]
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    if kind == "number":
        return 12.5
    if kind == "boolean":
        return True
    return _BY_NAME.get(name) or _BY_FORMAT.get(schema.get("format", ""), "text"[: schema.get("maxLength", 4)])
