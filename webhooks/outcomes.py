"""Writing down what became of attempts: the attempts, where their deliveries stand now, and which endpoints are off for it.

Locks are taken in one order: endpoints, then deliveries, each by id; then the streams of owners who are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from webhooks.attempting import Outcome
from webhooks.choices import DeliveryStatus, DisabledReason
from webhooks.disabling import cancel_stranded, switch_off
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.schedule import MAX_TRIES, next_delay

_UPDATE = """
UPDATE webhooks_webhookdelivery d
SET status = n.status, next_attempt_at = n.next_attempt_at, finished_at = n.finished_at,
    last_status_code = n.status_code, last_error = n.error
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::text[])
  AS n(id, status, next_attempt_at, finished_at, status_code, error)
WHERE d.id = n.id
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a delivery stands after an outcome."""

    delivery_id: UUID
    status: str
    next_attempt_at: datetime
    finished_at: datetime | None
    status_code: int | None
    error: str


def settle(outcomes: Sequence[Outcome]) -> None:
    """Write outcomes in one transaction. A delivery that is gone meanwhile (deleted with its endpoint) is passed over."""
    with transaction.atomic():
        off = _to_switch_off(outcomes)
        rows = _locked([one.claim.delivery_id for one in outcomes])
        kept = [one for one in outcomes if one.claim.delivery_id in rows]
        WebhookAttempt.objects.bulk_create([_attempt(one) for one in kept], ignore_conflicts=True)
        standings = [_standing(one, rows[one.claim.delivery_id], off) for one in kept]
        _write([standing for standing in standings if standing is not None])
        for endpoint, reason in sorted(off.values(), key=lambda pair: pair[0].owner_id):
            switch_off(endpoint=endpoint, reason=reason, actor=None)
    for endpoint_id in off:
        cancel_stranded(endpoint_id)


def is_last(outcome: Outcome) -> bool:
    """Whether this was the last try of its round. A test is tried once."""
    return outcome.claim.is_test or outcome.claim.tries >= MAX_TRIES


def _to_switch_off(outcomes: Sequence[Outcome]) -> dict[UUID, tuple[WebhookEndpoint, DisabledReason]]:
    """The endpoints that end with these outcomes, locked. One whose URL was changed meanwhile is not blamed for the old one."""
    blamed: dict[UUID, tuple[str, DisabledReason]] = {}
    for one in outcomes:
        if one.gone:
            blamed[one.claim.endpoint_id] = one.claim.url, DisabledReason.GONE
        elif not one.succeeded and is_last(one) and not one.claim.is_test:
            blamed.setdefault(one.claim.endpoint_id, (one.claim.url, DisabledReason.FAILING))
    if not blamed:
        return {}
    found = WebhookEndpoint.objects.select_for_update(of=("self",), no_key=True).select_related("owner")
    return {
        endpoint.pk: (endpoint, blamed[endpoint.pk][1])
        for endpoint in found.filter(pk__in=blamed, is_active=True).order_by("pk")
        if endpoint.url == blamed[endpoint.pk][0]
    }


def _locked(ids: Sequence[UUID]) -> dict[UUID, WebhookDelivery]:
    found = WebhookDelivery.objects.select_for_update(of=("self",), no_key=True).select_related("endpoint")
    return {row.pk: row for row in found.filter(pk__in=ids).order_by("pk").defer("body")}


def _attempt(outcome: Outcome) -> WebhookAttempt:
    return WebhookAttempt(
        delivery_id=outcome.claim.delivery_id,
        number=outcome.claim.number,
        started_at=outcome.started_at,
        duration_ms=outcome.duration_ms,
        status_code=outcome.status_code,
        error=outcome.error,
        request_headers=outcome.request_headers,
        response_head=outcome.response_head,
    )


def _standing(
    outcome: Outcome, row: WebhookDelivery, off: dict[UUID, tuple[WebhookEndpoint, DisabledReason]]
) -> _Standing | None:
    """None where nothing changes: already delivered, or a later attempt has the say."""
    if row.status == DeliveryStatus.SUCCEEDED:
        return None
    now = timezone.now()
    if outcome.succeeded:
        return _Standing(row.pk, DeliveryStatus.SUCCEEDED, now, now, outcome.status_code, "")
    if row.status != DeliveryStatus.PENDING or row.attempts != outcome.claim.number:
        return None
    delay = None if is_last(outcome) else next_delay(outcome.claim.tries, outcome.retry_after)
    if delay is None or outcome.gone:
        return _Standing(row.pk, DeliveryStatus.FAILED, now, now, outcome.status_code, outcome.error)
    if row.endpoint_id in off or not row.endpoint.is_active:
        return _Standing(row.pk, DeliveryStatus.CANCELLED, now, now, outcome.status_code, outcome.error)
    return _Standing(row.pk, DeliveryStatus.PENDING, now + delay, None, outcome.status_code, outcome.error)


def _write(standings: Sequence[_Standing]) -> None:
    if not standings:
        return
    fields = ("delivery_id", "status", "next_attempt_at", "finished_at", "status_code", "error")
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [[getattr(standing, name) for standing in standings] for name in fields])
