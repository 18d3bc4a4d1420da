"""Calling a gateway that speaks JSON, with failures put into our words."""

from collections.abc import Mapping
from typing import Any

import orjson

from core import outgoing
from modules.whatsapp.gateways.base import GatewayError, Verdict

MAX_RETRY_AFTER = 3600


def call(  # noqa: PLR0913 - all that a request is
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout: float,
    sends: bool,
    body: Mapping[str, Any] | None = None,
    content: bytes | None = None,
    trusted: bool = False,
    max_bytes: int | None = None,
) -> outgoing.OutgoingResponse:
    """One call. With `sends`, a broken one may have sent something. Raises GatewayError where there is no whole answer."""
    sent = {"Accept": "application/json", **headers}
    if body is not None:
        sent["Content-Type"] = "application/json"
        content = orjson.dumps(body)
    # Only a connection that was never made is sure to have sent nothing.
    broken = Verdict.AMBIGUOUS if sends else Verdict.RETRY
    if not all(value.isascii() and value.isprintable() for value in sent.values()):
        raise GatewayError(Verdict.ACTION, "bad_credentials", "A credential holds characters that no header can.")
    try:
        return outgoing.request(method, url, headers=sent, content=content, timeout=timeout, trusted=trusted, max_bytes=max_bytes)
    except outgoing.AddressRefused as error:
        raise GatewayError(Verdict.ACTION, "gateway_address_refused", "The gateway's address may not be called.") from error
    except outgoing.ResponseTooLarge as error:
        verdict = Verdict.AMBIGUOUS if sends else Verdict.FAIL
        raise GatewayError(verdict, "gateway_answer_too_large", "The gateway's answer is too large.") from error
    except outgoing.OutgoingTimedOut as error:
        raise GatewayError(_unless_unsent(error, broken), "gateway_timed_out", "The gateway did not answer in time.") from error
    except outgoing.OutgoingFailed as error:
        raise GatewayError(_unless_unsent(error, broken), "gateway_unreachable", "The gateway did not answer.") from error


def _unless_unsent(error: outgoing.OutgoingFailed, broken: Verdict) -> Verdict:
    return Verdict.RETRY if error.unsent else broken


def json_of(answer: outgoing.OutgoingResponse) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def retry_after(answer: outgoing.OutgoingResponse) -> float | None:
    """The seconds it asks for, at most an hour; None where it asks for none."""
    given = answer.headers.get("retry-after", "")
    return float(min(int(given), MAX_RETRY_AFTER)) if given.isascii() and given.isdigit() and len(given) < 10 else None


def text_at(value: Any, *path: str) -> str:
    """The text at a path of keys, without the NULs that no database takes; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value.replace("\x00", "") if isinstance(value, str) else ""
