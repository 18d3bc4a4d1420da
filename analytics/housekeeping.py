"""Retention of rollups (minutes for days, hours for a year, days for ever) and of loaded spool files' marks."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from analytics.choices import Cube, Period
from analytics.models import SpoolFile
from core.db.batches import in_batches

BATCH = 20_000
_DELETE = """
DELETE FROM analytics_rollup WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM analytics_rollup WHERE period = %(period)s AND cube = ANY(%(cubes)s) AND start < %(before)s LIMIT %(limit)s
))
"""
_CUBES = Cube.values


def purge() -> dict[str, int]:
    """Delete what is past retention, in batches so that no lock is held long; how many rows."""
    now = timezone.now()
    deleted = 0
    for period, days in (
        (Period.MINUTE, settings.ROLLUP_MINUTE_RETENTION_DAYS),
        (Period.HOUR, settings.ROLLUP_HOUR_RETENTION_DAYS),
    ):
        values = {"period": period.value, "cubes": _CUBES, "before": now - timedelta(days=days)}
        deleted += in_batches(_DELETE, values, BATCH)
    # A file is unlinked right after its last load; its mark is needed no longer than a crash may last.
    marks = SpoolFile.objects.filter(updated_at__lt=now - timedelta(days=30)).delete()[0]
    return {"rollups": deleted, "spool_files": marks}
