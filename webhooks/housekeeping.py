"""Removing finished deliveries past retention, and ending what was queued for endpoints that were switched off meanwhile."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from core.db.batches import in_batches
from webhooks.disabling import cancel_stranded

BATCH = 2000
_DELETE = """
WITH old AS (
  SELECT id FROM webhooks_webhookdelivery WHERE finished_at < %(before)s ORDER BY finished_at LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
), log AS (
  DELETE FROM webhooks_webhookattempt WHERE delivery_id IN (SELECT id FROM old)
)
DELETE FROM webhooks_webhookdelivery WHERE id IN (SELECT id FROM old)
"""


def purge() -> int:
    """Delete finished deliveries older than WEBHOOK_RETENTION_DAYS with their attempts, in batches; how many."""
    before = timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    return in_batches(_DELETE, {"before": before}, BATCH)


def sweep() -> int:
    """Cancel what is pending for endpoints that may send nothing; how many."""
    return cancel_stranded()
