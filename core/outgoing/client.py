"""One function: `request`. Built on httpx, pinned to the checked address, TLS verified against the name."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin

import httpx
from django.conf import settings

from core.outgoing.addresses import resolve
from core.outgoing.exceptions import AddressRefused, OutgoingFailed, ResponseTooLarge

USER_AGENT = "Atelier/1"
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_PORTS = frozenset([80, 443, 8080, 8443])


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """Status, headers and the whole (capped) body; `elapsed` in seconds; `url` is the last hop's."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float
    url: str


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout: float | None = None,
    max_bytes: int | None = None,
    max_redirects: int = 0,
) -> OutgoingResponse:
    """Send a request to a public address.

    `timeout` caps the whole exchange in seconds, `max_bytes` the decoded body. Redirects are not followed unless
    `max_redirects` allows some; each is checked like the first, credentials do not travel to another host, and only GET and
    HEAD follow. Raises AddressRefused, ResponseTooLarge or OutgoingFailed.
    """
    deadline = time.monotonic() + (timeout or settings.OUTGOING_TIMEOUT_SECONDS)
    started = time.monotonic()
    sent = dict(headers or {})
    for hop in range(max_redirects + 1):
        response = _one_hop(method, url, sent, content, deadline, max_bytes or settings.OUTGOING_MAX_RESPONSE_BYTES)
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or not location or hop == max_redirects or method not in ("GET", "HEAD"):
            return OutgoingResponse(response.status_code, response.headers, response.body, time.monotonic() - started, url)
        target = urljoin(url, location)
        if _origin(target) != _origin(url):
            sent = {name: value for name, value in sent.items() if name.lower() not in ("authorization", "cookie")}
        url = target
    raise OutgoingFailed("Too many redirects.")


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("The address is not a valid URL.") from error
    return parsed.scheme, parsed.host, parsed.port


@cache
def _client() -> httpx.Client:
    return httpx.Client(
        follow_redirects=False,
        trust_env=False,
        verify=True,
        # A kept connection would skip the look-up and its checks.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _checked(url: str) -> httpx.URL:
    _origin(url)
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AddressRefused("Only http and https addresses can be called.")
    if parsed.userinfo:
        raise AddressRefused("An address may not hold credentials.")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    if port not in _PORTS and f"{parsed.host}:{port}" not in settings.OUTGOING_ALLOWED_PRIVATE:
        raise AddressRefused("This port cannot be called.")
    return parsed


def _one_hop(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None, deadline: float, max_bytes: int
) -> OutgoingResponse:
    parsed = _checked(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    address = resolve(parsed.host, port)
    left = max(0.1, deadline - time.monotonic())
    outgoing = _client().build_request(
        method,
        parsed.copy_with(host=address),
        headers={
            "User-Agent": USER_AGENT,
            # The cap is on decoded bytes; asking for none keeps a compressed bomb from being made at all.
            "Accept-Encoding": "identity",
            **headers,
            "Host": parsed.netloc.decode(),
        },
        content=content,
        timeout=httpx.Timeout(left, connect=min(left, 5.0)),
        extensions={"sni_hostname": parsed.host},
    )
    try:
        response = _client().send(outgoing, stream=True)
        try:
            return OutgoingResponse(response.status_code, response.headers, _body(response, deadline, max_bytes), 0.0, url)
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
        raise OutgoingFailed(f"The request failed: {type(error).__name__}.") from error


def _body(response: httpx.Response, deadline: float, max_bytes: int) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes(16_384):
        received += chunk
        if len(received) > max_bytes:
            raise ResponseTooLarge(f"The answer is larger than {max_bytes} bytes.")
        if time.monotonic() > deadline:
            raise OutgoingFailed("The answer took too long.")
    return bytes(received)
