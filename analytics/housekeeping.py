"""Retention of rollups (minutes for days, hours for a year, days for ever) and of loaded spool files' marks."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics.choices import Cube, Period
from analytics.models import SpoolFile

BATCH = 20_000
_DELETE = """
DELETE FROM analytics_rollup WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM analytics_rollup WHERE period = %s AND cube = ANY(%s) AND start < %s LIMIT %s
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
        deleted += _delete_before(period.value, now - timedelta(days=days))
    # A file is unlinked right after its last load; its mark is needed no longer than a crash may last.
    marks = SpoolFile.objects.filter(updated_at__lt=now - timedelta(days=30)).delete()[0]
    return {"rollups": deleted, "spool_files": marks}


def _delete_before(period: int, moment: datetime) -> int:
    total: int = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, [period, _CUBES, moment, BATCH])
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                return total
