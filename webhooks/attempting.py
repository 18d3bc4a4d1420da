"""One attempt: sign, send through the safe client, note what came back. Touches the network and no database."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from core import outgoing
from webhooks import signing
from webhooks.choices import AttemptError
from webhooks.claims import Claim
from webhooks.schedule import parse_retry_after

log = logging.getLogger(__name__)
HEAD_BYTES = 1024
USER_AGENT = "Atelier-Webhooks/1"
GONE = 410
_WAITING = frozenset([429, 503])


@dataclass(slots=True)
class Outcome:
    """What became of a claim. `error` is empty after a success; `retry_after` is what the receiver asked for."""

    claim: Claim
    started_at: datetime
    duration_ms: int = 0
    status_code: int | None = None
    error: str = ""
    request_headers: dict[str, str] = field(default_factory=dict)
    response_head: str = ""
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        """Answered 2xx."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Answered that there is no such receiver any more."""
        return self.status_code == GONE


def attempt(claim: Claim) -> Outcome:
    """Send a delivery once. Raises nothing: whatever happens is an outcome."""
    outcome = Outcome(claim, timezone.now())
    began = time.monotonic()
    try:
        _send(claim, outcome)
    except outgoing.AddressRefused:
        # The name may lead somewhere else tomorrow, so this is as temporary as any other failure.
        outcome.error = AttemptError.ADDRESS_REFUSED
    except outgoing.OutgoingTimedOut:
        outcome.error = AttemptError.TIMED_OUT
    except outgoing.OutgoingFailed:
        outcome.error = AttemptError.UNREACHABLE
    except Exception:
        log.exception("Delivery %s could not be attempted", claim.delivery_id)
        outcome.error = AttemptError.UNREACHABLE
    outcome.duration_ms = round((time.monotonic() - began) * 1000)
    return outcome


def _send(claim: Claim, outcome: Outcome) -> None:
    if not claim.keys:
        outcome.error = AttemptError.SECRET_UNREADABLE
        return
    signed = signing.headers(
        event_id=claim.event_id, timestamp=int(outcome.started_at.timestamp()), body=claim.body, keys=claim.keys
    )
    outcome.request_headers = {"content-type": "application/json", "user-agent": USER_AGENT, **signed}
    answer = outgoing.request(
        "POST",
        claim.url,
        headers=outcome.request_headers,
        content=claim.body,
        timeout=settings.WEBHOOK_TIMEOUT_SECONDS,
        max_bytes=HEAD_BYTES,
        head_only=True,
    )
    outcome.status_code = answer.status_code
    # PostgreSQL's text takes no NUL.
    outcome.response_head = answer.body.decode("utf-8", "replace").replace("\x00", "")
    if not 200 <= answer.status_code < 300:
        outcome.error = AttemptError.BAD_STATUS
    if answer.status_code in _WAITING:
        outcome.retry_after = parse_retry_after(answer.headers.get("retry-after"), timezone.now())
