"""The schema's shared parts: envelope, errors, paging, headers."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter

_REQUEST_ID = {"type": "string", "maxLength": 64, "description": "Quote it when you ask us about a request."}

SCHEMAS: dict[str, Any] = {
    "Meta": {"type": "object", "properties": {"request_id": _REQUEST_ID}, "required": ["request_id"]},
    "StreamMeta": {
        "type": "object",
        "properties": {
            "request_id": _REQUEST_ID,
            "stream": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "example": "user:019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"},
                    "epoch": {
                        "type": "string",
                        "description": "Changes when earlier positions lost their meaning.",
                        "example": "5f3a9c1e",
                    },
                    "seq": {"type": "integer", "minimum": 0, "description": "The last event as of before these were read."},
                    "recovered": {"type": "boolean", "description": "False: load your state anew, go on from this position."},
                    "more": {"type": "boolean", "description": "There are events after the last one here.", "example": False},
                },
                "required": ["name", "epoch", "seq", "recovered", "more"],
            },
            "waited": {"type": "boolean", "description": "Whether the answer was waited for."},
        },
        "required": ["request_id", "stream", "waited"],
    },
    "HistoryMeta": {
        "type": "object",
        "properties": {
            "request_id": _REQUEST_ID,
            "has_before": {"type": "boolean", "description": "There are older ones."},
            "has_after": {"type": "boolean", "description": "There are newer ones."},
            "stream": {
                "type": "object",
                "description": "Where the stream stood before these were read: follow it from there.",
                "properties": {
                    "name": {"type": "string", "example": "room:019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"},
                    "epoch": {"type": "string", "example": "5f3a9c1e"},
                    "seq": {"type": "integer", "minimum": 0},
                },
                "required": ["name", "epoch", "seq"],
            },
        },
        "required": ["request_id", "has_before", "has_after", "stream"],
    },
    "PagePagination": {
        "type": "object",
        "properties": {
            "page": {"type": "integer", "minimum": 1},
            "page_size": {"type": "integer", "minimum": 1, "maximum": 100},
            "total_pages": {"type": "integer", "minimum": 0},
            "total": {"type": "integer", "minimum": 0},
            "has_next": {"type": "boolean"},
        },
        "required": ["page", "page_size", "total_pages", "total", "has_next"],
    },
    "CursorPagination": {
        "type": "object",
        "properties": {
            "page_size": {"type": "integer", "minimum": 1, "maximum": 100},
            "next_cursor": {"type": ["string", "null"]},
            "previous_cursor": {"type": ["string", "null"]},
        },
        "required": ["page_size", "next_cursor", "previous_cursor"],
    },
    "FieldError": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "Dotted path; empty when it is about the whole body."},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["field", "code", "message"],
    },
    "ErrorEnvelope": {
        "type": "object",
        "properties": {
            "success": {"type": "boolean", "const": False},
            "error": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "Stable; see docs/errors.md."},
                    "message": {"type": "string", "description": "For people; may change."},
                    "details": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
                },
                "required": ["code", "message", "details"],
            },
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
        "required": ["success", "error", "meta"],
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457.",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "code": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            "request_id": _REQUEST_ID,
        },
        "required": ["type", "title", "status", "detail", "instance", "code", "errors", "request_id"],
    },
}

HEADERS: dict[str, Any] = {
    "XRequestID": {"description": "The request's id.", "schema": {"type": "string"}},
    "RateLimitPolicy": {"description": 'The limits that apply, as `"default";q=1000;w=60`.', "schema": {"type": "string"}},
    "RateLimit": {"description": 'What is left of them, as `"default";r=999;t=42`.', "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "string"}},
}

_EXAMPLES: dict[int, tuple[str, str]] = {
    400: ("invalid", "The input is not valid."),
    401: ("not_authenticated", "Credentials are required."),
    403: ("insufficient_scope", "The API key lacks the scope 'usage:read'."),
    404: ("not_found", "Not found."),
    409: ("conflict", "This conflicts with the current state."),
    413: ("body_too_large", "The request body is too large."),
    415: ("unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    422: ("idempotency_key_reused", "This Idempotency-Key was used with another request."),
    429: ("rate_limited", "The limit of 1000 requests in 60 seconds is used up."),
    500: ("internal_error", "Something went wrong on our side."),
    503: ("unavailable", "The service is temporarily unavailable."),
}

IDEMPOTENCY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="The same key with the same body gets the first answer again for 24 hours.",
)


def response_headers() -> dict[str, Any]:
    """The headers every answer has."""
    return {
        "X-Request-ID": {"$ref": "#/components/headers/XRequestID"},
        "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
        "RateLimit": {"$ref": "#/components/headers/RateLimit"},
    }


def envelope(schema: dict[str, Any], pagination: str | None, meta_schema: str = "Meta") -> dict[str, Any]:
    """The envelope around a schema; a view whose `meta` says more names its component as `meta_schema`."""
    meta: dict[str, Any] = {"$ref": f"#/components/schemas/{meta_schema}"}
    if pagination:
        meta = {
            "type": "object",
            "properties": {"request_id": _REQUEST_ID, "pagination": {"$ref": f"#/components/schemas/{pagination}"}},
            "required": ["request_id", "pagination"],
        }
    return {
        "type": "object",
        "properties": {"success": {"type": "boolean", "const": True}, "data": schema, "meta": meta},
        "required": ["success", "data", "meta"],
    }


def error_responses() -> dict[str, Any]:
    """Every error that an operation can give, by component name."""
    return {f"Error{status}": error_response(status) for status in _EXAMPLES}


def error_response(status: int) -> dict[str, Any]:
    """One error an operation can give, in both media types."""
    code, message = _EXAMPLES[status]
    details = [{"field": "name", "code": "required", "message": "This field is required."}] if status == 400 else []
    example = {
        "success": False,
        "error": {"code": code, "message": message, "details": details},
        "meta": {"request_id": "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"},
    }
    headers = response_headers()
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}, "example": example},
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
