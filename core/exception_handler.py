"""The one place that turns what went wrong into an answer.

Domain errors, DRF's and Django's exceptions and an absent database all end here, in the envelope with a stable code.
Anything unknown is logged with its traceback and answered 500 without a word about our insides.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from kombu.exceptions import OperationalError as BrokerError
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework.response import Response

from core import exceptions as domain
from core.exceptions import FieldError
from core.redis import RedisAway
from core.responses import PROBLEM_TYPE, error_body, wants_problem

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[domain.DomainError], int], ...] = (
    (domain.NotFound, 404),
    (domain.Conflict, 409),
    (domain.NotAllowed, 403),
    (domain.Invalid, 400),
    (domain.Unprocessable, 422),
    (domain.NotAuthenticated, 401),
    (domain.LimitExceeded, 429),
    (domain.UpstreamFailed, 502),
    (domain.Failed, 500),
    (domain.Unavailable, 503),
)
_CODES = {
    "parse_error": "malformed_body",
    "unsupported_media_type": "unsupported_media_type",
    "authentication_failed": "invalid_credentials",
}
_AWAY = (OperationalError, InterfaceError, PoolTimeout, BrokerError, RedisAway)
AUTHENTICATE = 'Bearer realm="atelier", ApiKey realm="atelier"'


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Answer `exc`. `context` is DRF's, with `request` and `view`."""
    status, body, headers = translate(exc)
    request = context.get("request")
    if isinstance(exc, drf.MethodNotAllowed) and "view" in context:
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    response = Response(body, status=status, headers=headers)
    if request is not None and wants_problem(request):
        response.content_type = PROBLEM_TYPE
    return response


def translate(exc: BaseException) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, error body and headers for an exception."""
    if isinstance(exc, domain.DomainError):
        return _domain(exc)
    if isinstance(exc, drf.APIException):
        return _drf(exc)
    if isinstance(exc, Http404):
        return 404, error_body("not_found", "Not found."), {}
    if isinstance(exc, PermissionDenied):
        return 403, error_body("permission_denied", "You may not do this."), {}
    if isinstance(exc, DjangoValidationError):
        return 400, error_body("invalid", "The input is not valid.", list(_django_details(exc))), {}
    if isinstance(exc, RequestDataTooBig):
        return 413, error_body("body_too_large", "The request body is too large."), {}
    if isinstance(exc, SuspiciousOperation | UnreadablePostError):
        return 400, error_body("bad_request", "The request could not be read."), {}
    return _infrastructure(exc)


def _infrastructure(exc: BaseException) -> tuple[int, dict[str, Any], dict[str, str]]:
    if isinstance(exc, DataError):
        log.warning("The database refused a value: %s", exc)
        return 400, error_body("invalid", "A value is out of range or malformed."), {}
    if isinstance(exc, IntegrityError):
        log.warning("A constraint refused a write: %s", exc)
        return 409, error_body("conflict", "This conflicts with the current state."), {}
    if isinstance(exc, _AWAY):
        log.error("A service is away: %s: %s", type(exc).__name__, exc)
        return _domain(domain.Unavailable())
    log.error("Unhandled exception", exc_info=exc)
    return 500, error_body("internal_error", "Something went wrong on our side."), {}


def _domain(exc: domain.DomainError) -> tuple[int, dict[str, Any], dict[str, str]]:
    status = next((code for kind, code in _STATUS if isinstance(exc, kind)), 400)
    headers: dict[str, str] = {}
    if exc.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = AUTHENTICATE
    return status, error_body(exc.stable_code, exc.message, exc.details), headers


def _drf(exc: drf.APIException) -> tuple[int, dict[str, Any], dict[str, str]]:
    if isinstance(exc, drf.ValidationError):
        details = list(_flatten(exc.get_full_details()))
        return 400, error_body("invalid", "The input is not valid.", details), {}
    headers: dict[str, str] = {}
    if isinstance(exc, drf.NotAuthenticated | drf.AuthenticationFailed):
        headers["WWW-Authenticate"] = AUTHENTICATE
    codes = exc.get_codes()
    code = codes if isinstance(codes, str) else "error"
    return exc.status_code, error_body(_CODES.get(code, code), str(exc.detail)), headers


def _flatten(value: Any, path: str = "") -> Iterator[FieldError]:
    """DRF's nested details as flat field errors with dotted names; errors about the whole body have no field."""
    if isinstance(value, Mapping) and set(value) == {"message", "code"} and not isinstance(value["message"], Mapping | list):
        yield FieldError(path, str(value["code"]), str(value["message"]))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flatten(item, ".".join(filter(None, (path, name))))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            leaf = isinstance(item, Mapping) and set(item) == {"message", "code"}
            yield from _flatten(item, path if leaf else f"{path}.{index}".lstrip("."))


def _django_details(exc: DjangoValidationError) -> Iterator[FieldError]:
    if hasattr(exc, "error_dict"):
        for field, errors in exc.error_dict.items():
            for error in errors:
                yield FieldError("" if field == "__all__" else field, error.code or "invalid", " ".join(error.messages))
    else:
        for error in exc.error_list:
            yield FieldError("", error.code or "invalid", " ".join(error.messages))
