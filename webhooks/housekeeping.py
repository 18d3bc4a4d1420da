"""Removing finished deliveries past retention, and ending what was queued for endpoints that were switched off meanwhile."""

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from webhooks.disabling import cancel_stranded

BATCH = 2000
_DELETE = """
WITH old AS (
  SELECT id FROM webhooks_webhookdelivery WHERE finished_at < %s ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED
), log AS (
  DELETE FROM webhooks_webhookattempt WHERE delivery_id IN (SELECT id FROM old)
)
DELETE FROM webhooks_webhookdelivery WHERE id IN (SELECT id FROM old)
"""


def purge() -> int:
    """Delete finished deliveries older than WEBHOOK_RETENTION_DAYS with their attempts, in batches; how many."""
    before = timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    total: int = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, [before, BATCH])
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                return total


def sweep() -> int:
    """Cancel what is pending for endpoints that may send nothing; how many."""
    return cancel_stranded()
