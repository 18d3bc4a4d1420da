"""The outermost layer: request id, context, the request log, the limit headers, and JSON for every failure under /api/."""

import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
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
        started_us = time.time_ns() // 1000
        clock = time.perf_counter()
        record_id = uuid7_text()
        claimed = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = claimed if claimed and is_request_id(claimed) else record_id
        address = client_address(request)
        context.enter(context.RequestContext(request_id, address, request.META.get("HTTP_USER_AGENT", "")[:255]))
        gate = request.gate = GateState()  # type: ignore[attr-defined]
        if settings.SECURE_SSL_REDIRECT and request.path_info.startswith("/api/") and not request.is_secure():
            # A redirect would teach clients to send their key in clear first.
            response: HttpResponseBase = APIResponse.error(request, 403, "https_required", "Use https.")
        else:
            response = self._get_response(request)
        if not request.path_info.startswith("/api/"):
            response["X-Request-ID"] = request_id
            return response
        response = _speak_json(request, response)
        _add_headers(response, {**self._constant, "X-Request-ID": request_id})
        if gate.decisions:
            policies = ", ".join([decision.policy.header for decision in gate.decisions])
            state = ", ".join([decision.header for decision in gate.decisions])
            _add_headers(response, {"RateLimit-Policy": policies, "RateLimit": state})

        def log(bytes_out: int) -> None:
            principal = gate.principal
            endpoint, module = endpoint_of(request)
            elapsed = time.perf_counter() - clock
            spool().write(
                format_line(
                    record_id=record_id,
                    timestamp_us=started_us,
                    method=request.method or "",
                    endpoint=endpoint,
                    status_code=response.status_code,
                    duration_us=int(elapsed * 1_000_000),
                    bytes_in=_content_length(request),
                    bytes_out=bytes_out,
                    ip_address=address,
                    user_id=principal.user_text if principal else None,
                    api_key_id=principal.key_text if principal else None,
                    request_id=request_id,
                    module=module,
                )
            )
            metrics.observe_request(module, response.status_code, elapsed)

        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _Counted(iter(response.streaming_content), log)  # type: ignore[arg-type]
        else:
            log(len(response.content))  # type: ignore[attr-defined]
        return response


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
