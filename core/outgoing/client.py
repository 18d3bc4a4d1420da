"""One function: `request`. Built on httpx, pinned to the checked address, TLS verified against the name."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urljoin

import httpx
from django.conf import settings

from core.once import once
from core.outgoing.addresses import is_literal, resolve
from core.outgoing.deadline import Deadline
from core.outgoing.exceptions import AddressRefused, OutgoingFailed, OutgoingTimedOut, ResponseTooLarge

USER_AGENT = "Atelier/1"
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_PORTS = frozenset([80, 443, 8080, 8443])
# All that travels on to another origin: whatever else the caller sends may be a credential.
_HARMLESS = frozenset(["accept", "accept-language", "user-agent", "if-none-match", "if-modified-since", "range"])


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """Status, headers and the whole (capped) body; `elapsed` in seconds; `url` is the last hop's."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float
    url: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """How much of a body is taken, and whether the rest matters."""

    max_bytes: int
    head_only: bool


def request(  # noqa: PLR0913 - the options of one call
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    timeout: float | None = None,
    max_bytes: int | None = None,
    head_only: bool = False,
    max_redirects: int = 0,
    trusted: bool = False,
) -> OutgoingResponse:
    """Send a request to a public address; with `trusted`, to any: the URL is the operator's own, from the settings.

    `timeout` caps the whole exchange in seconds, `max_bytes` the body; an encoded (compressed) one is refused. With `head_only`
    the status is what counts: of the body at most the first `max_bytes` are read, as they come, and one that is longer, encoded
    or broken off is no failure. Redirects are not followed unless `max_redirects` allows some; each is checked like the first,
    credentials do not travel to another origin, only GET and HEAD follow, and the answer after the last allowed one is given as
    it is. Raises AddressRefused, ResponseTooLarge, OutgoingTimedOut or OutgoingFailed.
    """
    deadline = time.monotonic() + (timeout or settings.OUTGOING_TIMEOUT_SECONDS)
    started = time.monotonic()
    sent = dict(headers or {})
    read = _Reading(max_bytes or settings.OUTGOING_MAX_RESPONSE_BYTES, head_only)
    for hop in range(max_redirects + 1):
        response = _one_hop(method, url, sent, content, deadline, read, trusted=trusted and hop == 0)
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or not location or hop == max_redirects or method not in ("GET", "HEAD"):
            return OutgoingResponse(response.status_code, response.headers, response.body, time.monotonic() - started, url)
        target = urljoin(url, location)
        if _origin(target) != _origin(url):
            sent = {name: value for name, value in sent.items() if name.lower() in _HARMLESS}
        url = target
    raise OutgoingFailed("Too many redirects.")


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("The address is not a valid URL.") from error
    return parsed.scheme, parsed.host, parsed.port


@once
def _client() -> httpx.Client:
    return httpx.Client(
        follow_redirects=False,
        trust_env=False,
        verify=True,
        # A kept connection would skip the look-up and its checks.
        limits=httpx.Limits(max_keepalive_connections=0),
        # Cookies are refused: they would be kept by address, and one address serves many names.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _checked(url: str, *, trusted: bool = False) -> httpx.URL:
    _origin(url)
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AddressRefused("Only http and https addresses can be called.")
    if parsed.userinfo:
        raise AddressRefused("An address may not hold credentials.")
    port = _port(parsed)
    if not trusted and port not in _PORTS and f"{parsed.host}:{port}" not in settings.OUTGOING_ALLOWED_PRIVATE:
        raise AddressRefused("This port cannot be called.")
    return parsed


def check_url(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a URL that `request` would try. Raises AddressRefused; looks nothing up but literal addresses."""
    parsed = _checked(url)
    port = _port(parsed)
    if is_literal(parsed.host):
        resolve(parsed.host, port)
    return parsed.scheme, parsed.host, port


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else (443 if url.scheme == "https" else 80)


def _one_hop(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None, deadline: float, read: _Reading, *, trusted: bool
) -> OutgoingResponse:
    parsed = _checked(url, trusted=trusted)
    address = resolve(parsed.host, _port(parsed), trusted=trusted)
    left = max(0.1, deadline - time.monotonic())
    outgoing = _client().build_request(
        method,
        parsed.copy_with(host=address),
        headers=_headers(headers, parsed),
        content=content,
        timeout=httpx.Timeout(left, connect=min(left, 5.0)),
        extensions={"sni_hostname": parsed.host},
    )
    return _send(outgoing, url, deadline, read)


def _headers(given: Mapping[str, str], url: httpx.URL) -> httpx.Headers:
    headers = httpx.Headers({"User-Agent": USER_AGENT})
    headers.update(given)
    # A compressed body can unfold to a thousand times its size: none is asked for and none is taken.
    headers["Accept-Encoding"] = "identity"
    headers["Host"] = url.netloc.decode()
    return headers


def _send(outgoing: httpx.Request, url: str, deadline: float, read: _Reading) -> OutgoingResponse:
    with Deadline(deadline) as limit:
        outgoing.extensions["trace"] = limit.trace
        try:
            response = _client().send(outgoing, stream=True)
            try:
                body = _head(response, read.max_bytes) if read.head_only else _body(response, read.max_bytes)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            late = limit.expired or isinstance(error, httpx.TimeoutException)
            reason = "TimeLimit" if limit.expired else type(error).__name__
            kind = OutgoingTimedOut if late else OutgoingFailed
            # A handshake that fails is a ConnectError, too: nothing is sent before TLS stands.
            unsent = not limit.connected or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise kind(f"The request failed: {reason}.", unsent=unsent) from error
        if limit.expired and not read.head_only:
            # A body that ends with its connection would look whole.
            raise OutgoingTimedOut("The request failed: TimeLimit.")
    return OutgoingResponse(response.status_code, response.headers, body, 0.0, url)


def _body(response: httpx.Response, max_bytes: int) -> bytes:
    received = bytearray()
    for chunk in response.iter_raw():
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise OutgoingFailed("The answer is encoded although none was asked for.")
        received += chunk
        if len(received) > max_bytes:
            raise ResponseTooLarge(f"The answer is larger than {max_bytes} bytes.")
    return bytes(received)


def _head(response: httpx.Response, max_bytes: int) -> bytes:
    received = bytearray()
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError, ValueError):
        for chunk in response.iter_raw():
            received += chunk
            if len(received) >= max_bytes:
                break
    return bytes(received[:max_bytes])
