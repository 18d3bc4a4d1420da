"""The envelope of every answer, in one place.

One: `{"success": true, "data": {…}, "meta": {"request_id": "…"}}`. A list adds `meta.pagination`.
Error: `{"success": false, "error": {"code", "message", "details": [{"field", "code", "message"}]}, "meta": {…}}`,
or RFC 9457 when the client asks for `application/problem+json`.

Ordinary views return plain data and the renderer wraps it; `APIResponse` is for code that answers by hand.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.response import Response

from core import context
from core.exceptions import FieldError

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
PROBLEM_TYPE = "application/problem+json"


def dumps(value: Any) -> bytes:
    """JSON bytes; decimals and lazy strings become strings."""
    return orjson.dumps(value, default=str, option=_OPTIONS)


def success_envelope(
    data: Any, pagination: Mapping[str, Any] | None = None, more_meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The envelope around an object or a list; `more_meta` goes into `meta` beside what every answer has."""
    meta: dict[str, Any] = {**(more_meta or {}), "request_id": context.current().request_id}
    if pagination is not None:
        meta["pagination"] = pagination
    return {"success": True, "data": data, "meta": meta}


def error_body(code: str, message: str, details: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The `error` member of the envelope."""
    return {
        "code": code,
        "message": message,
        "details": [{"field": item.field, "code": item.code, "message": item.message} for item in details],
    }


def error_envelope(error: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope around an error body."""
    return {"success": False, "error": error, "meta": {"request_id": context.current().request_id}}


def problem_document(status: int, error: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The same error as RFC 9457 problem details, with `code`, `errors` and `request_id` as extensions."""
    return {
        "type": f"urn:atelier:error:{error['code']}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error["message"],
        "instance": path,
        "code": error["code"],
        "errors": error["details"],
        "request_id": context.current().request_id,
    }


def wants_problem(request: HttpRequest) -> bool:
    """Whether the client asked for RFC 9457."""
    return PROBLEM_TYPE in request.META.get("HTTP_ACCEPT", "")


class ListResponse(Response):
    """A page of a list with what is needed to get the next one."""

    def __init__(self, data: Sequence[Any], pagination: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.pagination = pagination


class MetaResponse(Response):
    """An answer whose `meta` says more than the request's id."""

    def __init__(self, data: Any, more_meta: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.more_meta = more_meta


class APIResponse:
    """Answers made by hand, outside a DRF view."""

    @staticmethod
    def success(data: Any, *, status: int = 200, pagination: Mapping[str, Any] | None = None) -> HttpResponse:
        """A success in the envelope."""
        return HttpResponse(dumps(success_envelope(data, pagination)), status=status, content_type="application/json")

    @staticmethod
    def error(
        request: HttpRequest,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """An error in the envelope, or as problem details when asked for."""
        error = error_body(code, message, details)
        if wants_problem(request):
            body, content_type = problem_document(status, error, request.path), PROBLEM_TYPE
        else:
            body, content_type = error_envelope(error), "application/json"
        return HttpResponse(dumps(body), status=status, content_type=content_type, headers=dict(headers or {}))
