"""The outermost layer: request id, context, the request log, the limit headers, and JSON for every failure under /api/."""

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from core import context, metrics
from core.addresses import client_address
from core.ids import uuid7_text
from core.request_log import format_line, spool
from core.request_log.record import escape
from core.responses import APIResponse
from core.validators import is_request_id

if TYPE_CHECKING:
    from core.limits import Decision
    from core.principals import Principal

_CONVERTER = re.compile(r"<(?:[^:>]+:)?([^>]+)>")
UNKNOWN_ENDPOINT = "(unknown)"
_STATUS_TEXT = {
    400: ("bad_request", "The request could not be read."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "Not found."),
    413: ("body_too_large", "The request body is too large."),
}


class GateState:
    """What the request gate found, for the layers around the view: who called, and which limits were taken."""

    __slots__ = ("decisions", "principal")

    def __init__(self) -> None:
        self.principal: Principal | None = None
        self.decisions: list[Decision] = []


class RequestMiddleware:
    """Wraps everything; does its work for paths under /api/ and passes the rest with a request id only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._constant = _constant_headers()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        record = _Record(request)
        meta = request.META
        context.enter(context.RequestContext(record.request_id, record.address, meta.get("HTTP_USER_AGENT", "")[:255]))
        gate = request.gate = record.gate  # type: ignore[attr-defined]
        if settings.SECURE_SSL_REDIRECT and request.path_info.startswith("/api/") and not request.is_secure():
            # A redirect would teach clients to send their key in clear first.
            response: HttpResponseBase = APIResponse.error(request, 403, "https_required", "Use https.")
        else:
            response = self._get_response(request)
        if not request.path_info.startswith("/api/"):
            response["X-Request-ID"] = record.request_id
            return response
        response = _speak_json(request, response)
        _add_headers(response, {**self._constant, "X-Request-ID": record.request_id})
        if gate.decisions:
            policies = ", ".join([decision.policy.header for decision in gate.decisions])
            state = ", ".join([decision.header for decision in gate.decisions])
            _add_headers(response, {"RateLimit-Policy": policies, "RateLimit": state})
        if isinstance(response, StreamingHttpResponse):
            log = partial(record.log, response.status_code)
            response.streaming_content = _Counted(iter(response.streaming_content), log)  # type: ignore[arg-type]
        else:
            record.log(response.status_code, len(response.content))  # type: ignore[attr-defined]
        return response


class _Record:
    """What the log gets to know of a request: from its arrival on, written when it is answered."""

    __slots__ = ("_clock", "_id", "_request", "_started_us", "address", "gate", "request_id")

    def __init__(self, request: HttpRequest) -> None:
        self._started_us = time.time_ns() // 1000
        self._clock = time.perf_counter()
        self._request = request
        self._id = uuid7_text()
        claimed = request.META.get("HTTP_X_REQUEST_ID", "")
        self.request_id = claimed if claimed and is_request_id(claimed) else self._id
        self.address = client_address(request)
        self.gate = GateState()

    def log(self, status_code: int, bytes_out: int) -> None:
        """Write the line, and count the request."""
        request, principal = self._request, self.gate.principal
        endpoint, module = endpoint_of(request)
        elapsed = time.perf_counter() - self._clock
        spool().write(
            format_line(
                record_id=self._id,
                timestamp_us=self._started_us,
                method=request.method or "",
                endpoint=endpoint,
                status_code=status_code,
                duration_us=int(elapsed * 1_000_000),
                bytes_in=_content_length(request),
                bytes_out=bytes_out,
                ip_address=self.address,
                user_id=principal.user_text if principal else None,
                api_key_id=principal.key_text if principal else None,
                request_id=self.request_id,
                module=module,
            )
        )
        metrics.observe_request(module, status_code, elapsed)


class _Counted:
    """Passes a stream on; logs it once: when its last chunk was made, before the end is sent, or when the client left.

    Not a generator: closing one that was never started would run nothing, and a client may leave before the first chunk.
    """

    def __init__(self, chunks: Iterator[bytes], log: Callable[[int], None]) -> None:
        self._chunks = chunks
        self._log: Callable[[int], None] | None = log
        self._sent = 0

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except BaseException:
            self.close()
            raise
        self._sent += len(chunk)
        return chunk

    def close(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log(self._sent)


def _constant_headers() -> dict[str, str]:
    """What SecurityMiddleware would add to each API answer, and the `Vary` of CORS."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Vary": "Origin",
    }
    if settings.SECURE_HSTS_SECONDS and settings.SECURE_SSL_REDIRECT:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}"
        value += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        headers["Strict-Transport-Security"] = value + ("; preload" if settings.SECURE_HSTS_PRELOAD else "")
    return headers


def _add_headers(response: HttpResponseBase, headers: dict[str, str]) -> None:
    """Set headers of our own making, past the conversions that Django does for values it cannot trust."""
    response.headers._store.update({name.lower(): (name, value) for name, value in headers.items()})


def _speak_json(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace an HTML error that some layer below made (a bad Host, a broken upload) by the envelope."""
    if response.status_code < 400 or not response.get("Content-Type", "").startswith("text/html"):
        return response
    code, message = _STATUS_TEXT.get(response.status_code, ("error", "The request could not be carried out."))
    if response.status_code >= 500:
        code, message = "internal_error", "Something went wrong on our side."
    replacement: HttpResponse = APIResponse.error(request, response.status_code, code, message)
    return replacement


def _content_length(request: HttpRequest) -> int:
    raw = request.META.get("CONTENT_LENGTH") or "0"
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 16 else 0


def endpoint_of(request: HttpRequest) -> tuple[str, str]:
    """The route template (`/api/v1/users/{id}/`), escaped for the log, and the API package it belongs to."""
    match = request.resolver_match
    if match is None or match.url_name == "unknown":
        return UNKNOWN_ENDPOINT, "unknown"
    return _template(match.route)


@lru_cache(maxsize=1024)
def _template(route: str) -> tuple[str, str]:
    path = "/" + _CONVERTER.sub(r"{\1}", route)
    parts = path.split("/")
    module = parts[3] if len(parts) > 4 and parts[2] == "v1" else "docs"
    return escape(path)[:200], escape(module)[:40]
