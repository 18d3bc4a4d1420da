"""Retention of rollups and marks: minutes for days, hours for a year, days for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics import housekeeping, tasks
from analytics.choices import Cube, Period
from analytics.models import Rollup, SpoolFile

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def rollup(period, age, cube=Cube.TOTAL):
    start = NOW - age
    Rollup.objects.create(cube=cube, period=period, start=start, requests=1, bytes_in=1, bytes_out=1, duration_us=1)
    return start


def test_each_grain_goes_when_its_time_has_come_in_every_cube(settings):
    minutes = timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS)
    hours = timedelta(days=settings.ROLLUP_HOUR_RETENTION_DAYS)
    margin = timedelta(hours=1)
    kept = set()
    for cube in Cube:
        rollup(Period.MINUTE, minutes + margin, cube)
        kept.add((cube, Period.MINUTE, rollup(Period.MINUTE, minutes - margin, cube)))
        rollup(Period.HOUR, hours + margin, cube)
        kept.add((cube, Period.HOUR, rollup(Period.HOUR, hours - margin, cube)))
        kept.add((cube, Period.DAY, rollup(Period.DAY, timedelta(days=9000), cube)))
    assert housekeeping.purge() == {"rollups": 2 * len(Cube), "spool_files": 0}
    assert set(Rollup.objects.values_list("cube", "period", "start")) == kept


def test_batches_go_on_until_nothing_is_left(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    for number in range(7):
        rollup(Period.MINUTE, timedelta(days=10, minutes=number))
    assert housekeeping.purge()["rollups"] == 7
    assert not Rollup.objects.exists()


def test_marks_go_after_thirty_days():
    SpoolFile.objects.create(name="old.log", updated_at=NOW - timedelta(days=30, hours=1))
    SpoolFile.objects.create(name="new.log", updated_at=NOW - timedelta(days=29))
    assert tasks.purge_rollups.delay().get() == {"rollups": 0, "spool_files": 1}
    assert SpoolFile.objects.get().name == "new.log"
