"""A WAHA server: where it is, and what its answers mean."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from core.outgoing import OutgoingResponse
from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.gateways.calling import call, json_of, retry_after, text_at

# What only asks waits no longer; a send does (the settings say how long).
QUICK_SECONDS = 10.0
# A 422 for good; that of a session in another state has `expected` and comes to an end.
_NEVER = re.compile(r"\bplus version\b|\bnot implemented\b", re.IGNORECASE)


class Server:
    """The session's own, or the operator's, whose address may be private."""

    def __init__(self, url: str, api_key: str, hmac_key: str, *, trusted: bool) -> None:
        self.url = url.rstrip("/")
        self.api_key = api_key
        self.hmac_key = hmac_key
        self.trusted = trusted

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> "Server":
        """The one a session's secrets name, or else the operator's."""
        if url := secrets.get("url"):
            # The operator's key is for the operator's server alone.
            return cls(url, secrets.get("api_key", ""), secrets.get("hmac_key", ""), trusted=False)
        own = secrets.get("hmac_key") or settings.WHATSAPP_WAHA_HMAC_KEY
        return cls(settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_API_KEY, own, trusted=True)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        known: Sequence[int] = (),
        timeout: float | None = None,
        sends: bool = False,
        max_bytes: int | None = None,
        accept: str = "application/json",
    ) -> OutgoingResponse:
        """One call; an answer that is neither well nor `known` is a GatewayError."""
        answer = call(
            method,
            self.url + path,
            headers={"Accept": accept, **({"X-Api-Key": self.api_key} if self.api_key else {})},
            timeout=timeout or min(QUICK_SECONDS, settings.WHATSAPP_TIMEOUT_SECONDS),
            sends=sends,
            body=body,
            trusted=self.trusted,
            max_bytes=max_bytes,
        )
        if not (200 <= answer.status_code < 300 or answer.status_code in known):
            raise _refusal(answer, sends=sends)
        return answer


def nonsense(verdict: Verdict = Verdict.RETRY) -> GatewayError:
    """An answer that is well, but not what was asked for."""
    return GatewayError(verdict, "gateway_nonsense", "The gateway's answer makes no sense.")


def _refusal(answer: OutgoingResponse, *, sends: bool) -> GatewayError:
    """What a status means. Bodies are not passed on: a 500 echoes our own request."""
    status = answer.status_code
    if status in (401, 403):
        return GatewayError(Verdict.ACTION, "gateway_unauthorized", "The gateway refuses our key.")
    if 300 <= status < 400:
        return GatewayError(Verdict.ACTION, "gateway_moved", "The gateway is at another address.")
    if status == 501 or (status == 422 and _is_for_good(json_of(answer))):
        return GatewayError(Verdict.FAIL, "not_supported_by_engine", "The gateway's engine cannot do this.")
    if status == 422:
        return GatewayError(Verdict.RETRY, "session_not_ready", "The session is not ready at the gateway.")
    if status == 404:
        return GatewayError(Verdict.RETRY, "session_not_ready", "The gateway does not know this session.")
    if status == 429:
        message = "The gateway takes no more for now."
        return GatewayError(Verdict.RETRY, "gateway_rate_limited", message, retry_after=retry_after(answer))
    if status >= 500:
        verdict = Verdict.AMBIGUOUS if sends else Verdict.RETRY
        return GatewayError(verdict, "gateway_error", "The gateway failed.")
    return GatewayError(Verdict.FAIL, "rejected_by_gateway", "The gateway refused the request.")


def _is_for_good(body: Any) -> bool:
    return _NEVER.search(text_at(body, "message")) is not None
