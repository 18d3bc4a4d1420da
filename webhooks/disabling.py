"""Switching an endpoint off: what is pending is cancelled, and its owner is told when no person did it."""

from typing import Any
from uuid import UUID

from django.utils import timezone

import events
from core import audit
from core.db.batches import in_batches
from users.choices import MailKind
from users.models import User
from users.services.letters import ask_for_letter
from webhooks.choices import DisabledReason
from webhooks.events import WebhookDisabled
from webhooks.models import WebhookEndpoint

BATCH = 5000
_CANCEL = """
UPDATE webhooks_webhookdelivery SET status = 'cancelled', finished_at = now() WHERE id = ANY(ARRAY(
  SELECT d.id FROM webhooks_webhookdelivery d
  JOIN webhooks_webhookendpoint e ON e.id = d.endpoint_id
  JOIN users_user u ON u.id = e.owner_id
  WHERE d.status = 'pending' AND (%(endpoint)s::uuid IS NULL OR e.id = %(endpoint)s)
    AND NOT (e.is_active AND u.is_active AND (e.audience = 'own' OR u.is_staff))
  LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
))
"""


def switch_off(*, endpoint: WebhookEndpoint, reason: DisabledReason, actor: User | None) -> None:
    """Mark a locked endpoint. Publishes webhook.disabled and writes a letter unless its owner did it.

    Nothing is sent to it from the commit on; `cancel_stranded` ends what was pending.
    """
    endpoint.is_active = False
    endpoint.disabled_reason = reason
    endpoint.disabled_at = timezone.now()
    endpoint.save(update_fields=["is_active", "disabled_reason", "disabled_at", "updated_at"])
    audit.record(
        "webhook.disabled",
        actor=actor,
        target_type="webhook",
        target_id=endpoint.pk,
        target_label=str(endpoint),
        changes={"reason": str(reason)},
    )
    if reason != DisabledReason.BY_OWNER:
        _tell(endpoint, reason)


def cancel_stranded(endpoint_id: UUID | None = None) -> int:
    """Cancel what is pending for endpoints that may send nothing (of one, or of all); how many. What another holds is skipped."""
    return in_batches(_CANCEL, {"endpoint": endpoint_id}, BATCH)


def _tell(endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    owner = endpoint.owner
    if owner.email and owner.is_active:
        ask_for_letter(kind=MailKind.WEBHOOK_DISABLED, to=owner.email, user=owner, context={"url": endpoint.shown_url})
    told: Any = "gone" if reason == DisabledReason.GONE else "failing"
    # It cannot go on for ever: each one is an endpoint less.
    events.publish(WebhookDisabled(webhook=endpoint.pk, url=endpoint.shown_url, reason=told), stream=f"user:{owner.pk}")
