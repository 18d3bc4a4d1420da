"""Daily partitions of the log, and the task that keeps them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from core.registry import beat_schedule
from events import partitions, selectors, tasks
from events.tests.support import STREAM, publish, stored

pytestmark = pytest.mark.django_db
TODAY = date(2027, 5, 20)
AHEAD = [TODAY + timedelta(days=number) for number in range(31)]


def drop(day):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {partitions.PARTITIONS.name(day)}")


def clear():
    for day in partitions.PARTITIONS.existing():
        drop(day)


def insert(day, seq):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (id, stream, seq, type, payload, created_at) "
            "VALUES (gen_random_uuid(), %s, %s, 'sample.happened', '{\"number\": 1}', %s)",
            [STREAM, seq, datetime.combine(day, datetime.min.time(), UTC)],
        )


def test_a_fresh_log_can_be_published_to_for_a_month():
    today = datetime.now(UTC).date()
    existing = partitions.PARTITIONS.existing()
    assert set(existing) >= {today + timedelta(days=number) for number in range(29)}


def test_a_month_is_made_ahead_and_a_repeat_does_nothing():
    clear()
    assert partitions.keep(TODAY) == (AHEAD, [])
    assert partitions.keep(TODAY) == ([], [])
    drop(AHEAD[7])
    assert partitions.keep(TODAY) == ([AHEAD[7]], [])


def test_days_past_retention_go_with_their_events_and_a_position_there_is_not_recovered(settings):
    settings.EVENT_RETENTION_DAYS = 30
    clear()
    days = [TODAY - timedelta(days=number) for number in (40, 31, 30, 1)]
    partitions.PARTITIONS.ensure(days)
    for seq, day in enumerate(days, start=1):
        insert(day, seq)
    assert [event.seq for event in selectors.recover(STREAM, 0, 4, limit=10, max_bytes=1000)] == [1, 2, 3, 4]
    assert partitions.keep(TODAY)[1] == days[:2]
    assert [seq for seq, _ in stored()] == [3, 4]
    assert selectors.recover(STREAM, 0, 4, limit=10, max_bytes=1000) is None
    assert len(selectors.recover(STREAM, 2, 4, limit=10, max_bytes=1000)) == 2


def test_without_a_partition_for_today_nothing_is_published_and_no_place_is_taken():
    drop(datetime.now(UTC).date())
    with pytest.raises(DatabaseError, match="no partition"), transaction.atomic():
        publish()
    assert selectors.head(STREAM).seq == 0
    partitions.keep()
    assert publish().seq == 1


def test_migrate_makes_what_a_dump_of_long_ago_lacks():
    drop(datetime.now(UTC).date())
    call_command("migrate", verbosity=0)
    assert publish().seq == 1


def test_the_task_tells_how_many_and_beat_starts_it_each_hour():
    drop(datetime.now(UTC).date() + timedelta(days=20))
    result = tasks.keep_partitions.delay().get()
    assert result["made"] >= 1
    assert tasks.keep_partitions()["made"] == 0
    entry = beat_schedule()["events.keep-partitions"]
    assert entry["schedule"] == 3600.0
    assert entry["task"] in current_app.tasks
