"""Making, changing and switching endpoints; tests and replays. Every write is in the audit trail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from core import audit, crypto
from core.exceptions import Invalid
from core.ids import uuid7
from core.principals import Principal
from events import frames
from users.models import User
from webhooks import checks, signing
from webhooks.bell import BELL
from webhooks.choices import Audience, DeliveryStatus, DisabledReason
from webhooks.disabling import cancel_stranded, switch_off
from webhooks.events import WebhookTest
from webhooks.exceptions import DeliveryPending, TooManyWebhooks, WebhookDisabled
from webhooks.fanout import body_text
from webhooks.models import WebhookDelivery, WebhookEndpoint

MAX_ENDPOINTS = 50
MAX_GRACE = timedelta(days=7)
DEFAULT_GRACE = timedelta(hours=24)
MAX_REPLAYS = 10_000
EDITABLE = frozenset(["url", "description", "event_types", "audience"])
TEST_TYPE = "webhook.test"
_DELETE_LOG = """
WITH log AS (
  DELETE FROM webhooks_webhookattempt a USING webhooks_webhookdelivery d WHERE d.id = a.delivery_id AND d.endpoint_id = %(id)s
)
DELETE FROM webhooks_webhookdelivery WHERE endpoint_id = %(id)s
"""
_REPLAY = """
UPDATE webhooks_webhookdelivery SET status = 'pending', tries = 0, next_attempt_at = %(now)s, finished_at = NULL
WHERE id = ANY(ARRAY(
  SELECT id FROM webhooks_webhookdelivery
  WHERE endpoint_id = %(endpoint)s AND status IN ('failed', 'cancelled') AND created_at >= %(since)s
  ORDER BY created_at, id LIMIT %(limit)s FOR UPDATE
))
"""


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint with its secret as text, which is shown this once."""

    endpoint: WebhookEndpoint
    secret: str


def create_endpoint(
    *, owner: User, actor: User, secret: str | None = None, granting: Principal | None = None, **fields: Any
) -> WithSecret:
    """Make an endpoint; without `secret` one is made. `granting` is the caller where it may be a key.

    Raises Invalid, TooManyWebhooks, PlatformNotAllowed, PlatformNeedsSession.
    """
    key = checks.checked_secret(secret)
    with transaction.atomic():
        # The owner's row serialises counting and making.
        User.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
        if WebhookEndpoint.objects.filter(owner=owner).count() >= MAX_ENDPOINTS:
            raise TooManyWebhooks
        endpoint = WebhookEndpoint(owner=owner, secret=crypto.encrypt(key))
        _apply(endpoint, fields, actor=actor, granting=granting)
        endpoint.save(force_insert=True)
        _audit("webhook.created", endpoint, actor, {"event_types": endpoint.event_types, "audience": str(endpoint.audience)})
    return WithSecret(endpoint, signing.secret_text(key))


def update_endpoint(
    *, endpoint: WebhookEndpoint, actor: User, granting: Principal | None = None, **fields: Any
) -> WebhookEndpoint:
    """Change where, what and whose. Raises Invalid, PlatformNotAllowed, PlatformNeedsSession."""
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        before = {name: getattr(endpoint, name) for name in fields}
        shown = endpoint.shown_url
        # What an endpoint of the whole platform sends may not be led elsewhere by a key either.
        checks.check_audience(endpoint.audience, owner=endpoint.owner, actor=actor, granting=granting)
        _apply(endpoint, fields, actor=actor, granting=granting)
        changes: dict[str, Any] = {
            name: [value, getattr(endpoint, name)] for name, value in before.items() if value != getattr(endpoint, name)
        }
        if changes:
            endpoint.save()
            if "url" in changes:
                changes["url"] = [shown, endpoint.shown_url]
            _audit("webhook.updated", endpoint, actor, changes)
    return endpoint


def delete_endpoint(*, endpoint: WebhookEndpoint, actor: User) -> None:
    """Remove an endpoint with its deliveries. Twice is harmless."""
    with transaction.atomic():
        found = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
        if found is None:
            return
        # By statement: the log may be larger than memory.
        with connection.cursor() as cursor:
            cursor.execute(_DELETE_LOG, {"id": found.pk})
        _audit("webhook.deleted", found, actor, {})
        found.delete()


def rotate_secret(
    *,
    endpoint: WebhookEndpoint,
    actor: User,
    grace: timedelta = DEFAULT_GRACE,
    secret: str | None = None,
    granting: Principal | None = None,
) -> WithSecret:
    """Take a new secret. Until `grace` is over deliveries are signed with both, the new one first.

    Raises Invalid, PlatformNeedsSession.
    """
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise Invalid.field("grace_seconds", f"From 0 to {MAX_GRACE.total_seconds():.0f} seconds.", "out_of_range")
    key = checks.checked_secret(secret)
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        checks.check_audience(endpoint.audience, owner=endpoint.owner, actor=actor, granting=granting)
        ends = timezone.now() + grace if grace else None
        endpoint.previous_secret = endpoint.secret if grace else None
        endpoint.previous_secret_expires_at = ends
        endpoint.secret = crypto.encrypt(key)
        endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_expires_at", "updated_at"])
        _audit("webhook.secret_rotated", endpoint, actor, {"previous_ends": ends.isoformat() if ends else None})
    return WithSecret(endpoint, signing.secret_text(key))


def enable_endpoint(*, endpoint: WebhookEndpoint, actor: User) -> WebhookEndpoint:
    """Switch an endpoint on; what was cancelled stays so until it is replayed. Twice is harmless."""
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        if not endpoint.is_active:
            endpoint.is_active, endpoint.disabled_reason, endpoint.disabled_at = True, "", None
            endpoint.save(update_fields=["is_active", "disabled_reason", "disabled_at", "updated_at"])
            _audit("webhook.enabled", endpoint, actor, {})
    return endpoint


def disable_endpoint(*, endpoint: WebhookEndpoint, actor: User) -> WebhookEndpoint:
    """Switch an endpoint off and cancel what is pending. Twice is harmless."""
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        if endpoint.is_active:
            switch_off(endpoint=endpoint, reason=DisabledReason.BY_OWNER, actor=actor)
            cancel_stranded(endpoint.pk)
    return endpoint


def send_test(*, endpoint: WebhookEndpoint, actor: User) -> WebhookDelivery:
    """Queue a delivery of type webhook.test, which is tried once. Raises WebhookDisabled."""
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        if not endpoint.is_active:
            raise WebhookDisabled
        event_id, now = uuid7(), timezone.now()
        delivery: WebhookDelivery = WebhookDelivery.objects.create(
            endpoint=endpoint,
            event_id=event_id,
            event_type=TEST_TYPE,
            body=body_text(
                kind=TEST_TYPE,
                moment=orjson.dumps(now, option=orjson.OPT_UTC_Z).decode().strip('"'),
                event_id=event_id,
                stream=None,
                seq=None,
                data=frames.encode(WebhookTest(webhook=endpoint.pk, message="This is a test.")),
            ),
            next_attempt_at=now,
            created_at=now,
            is_test=True,
        )
        _audit("webhook.tested", endpoint, actor, {"delivery": str(delivery.pk)})
        BELL.ring_after_commit()
    return delivery


def replay(*, delivery: WebhookDelivery, actor: User) -> WebhookDelivery:
    """Send a finished delivery again, with the same id and body. Raises WebhookDisabled, DeliveryPending."""
    with transaction.atomic():
        endpoint = _locked(delivery.endpoint_id)
        if not endpoint.is_active:
            raise WebhookDisabled
        found: WebhookDelivery = WebhookDelivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
        if found.status == DeliveryStatus.PENDING:
            raise DeliveryPending
        found.status, found.tries, found.finished_at = DeliveryStatus.PENDING, 0, None
        found.next_attempt_at = timezone.now()
        found.save(update_fields=["status", "tries", "finished_at", "next_attempt_at"])
        _audit("webhook.replayed", endpoint, actor, {"delivery": str(found.pk)})
        BELL.ring_after_commit()
    return found


def replay_failed(*, endpoint: WebhookEndpoint, since: datetime, actor: User) -> int:
    """Send again what failed or was cancelled since, the oldest first, at most MAX_REPLAYS; how many. Raises WebhookDisabled."""
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        if not endpoint.is_active:
            raise WebhookDisabled
        values: dict[str, Any] = {"endpoint": endpoint.pk, "since": since, "now": timezone.now(), "limit": MAX_REPLAYS}
        with connection.cursor() as cursor:
            cursor.execute(_REPLAY, values)
            count: int = cursor.rowcount
        if count:
            _audit("webhook.replayed_failed", endpoint, actor, {"since": since.isoformat(), "deliveries": count})
            BELL.ring_after_commit()
    return count


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(of=("self",), no_key=True).select_related("owner")
    endpoint: WebhookEndpoint = found.get(pk=endpoint_id)
    return endpoint


def _apply(endpoint: WebhookEndpoint, fields: dict[str, Any], *, actor: User, granting: Principal | None) -> None:
    if unknown := set(fields) - EDITABLE:
        raise TypeError(f"unknown fields {unknown}")
    if "url" in fields:
        fields["url"] = checks.checked_url(fields["url"])
    if "event_types" in fields:
        fields["event_types"] = checks.checked_event_types(fields["event_types"])
    audience = Audience(fields.get("audience", endpoint.audience))
    checks.check_audience(audience, owner=endpoint.owner, actor=actor, granting=granting)
    for name, value in fields.items():
        setattr(endpoint, name, value)


def _audit(action: str, endpoint: WebhookEndpoint, actor: User, changes: dict[str, Any]) -> None:
    audit.record(action, actor=actor, target_type="webhook", target_id=endpoint.pk, target_label=str(endpoint), changes=changes)
