"""Daily partitions: made ahead, dropped when old, made by one maker at a time."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, connections

from analytics import partitions, tasks
from analytics.models import APILog
from analytics.tests.factories import log_requests

pytestmark = pytest.mark.django_db
TODAY = date(2027, 5, 20)


@pytest.fixture(autouse=True)
def _none_yet(db):
    with connection.cursor() as cursor:
        for day in partitions.existing():
            cursor.execute(f"DROP TABLE {partitions.PARTITIONS.name(day)}")


def days(*numbers):
    return [TODAY + timedelta(days=number) for number in numbers]


def test_missing_days_are_made_once():
    assert partitions.ensure(days(2, 0, 2)) == days(0, 2)
    assert partitions.ensure(days(0, 1, 2)) == days(1)
    assert partitions.existing() == days(0, 1, 2)


def test_today_and_the_coming_days_are_made_ahead_and_a_repeat_does_nothing():
    assert partitions.keep(TODAY) == (days(0, 1, 2, 3), [])
    assert partitions.keep(TODAY) == ([], [])


def test_days_past_retention_are_dropped_with_their_rows(settings):
    settings.REQUEST_LOG_RETENTION_DAYS = 30
    for number in (-40, -31, -30, -1):
        at = datetime.combine(TODAY + timedelta(days=number), datetime.min.time(), UTC)
        log_requests(at=at)
    assert partitions.keep(TODAY) == (days(0, 1, 2, 3), days(-40, -31))
    assert APILog.objects.count() == 2


def test_a_partition_takes_exactly_its_utc_day_in_any_session():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Pacific/Auckland'")
        partitions.ensure([TODAY])
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s", [partitions.PARTITIONS.name(TODAY)]
        )
        bound = cursor.fetchone()[0]
    assert bound == "FOR VALUES FROM ('2027-05-20 00:00:00+00') TO ('2027-05-21 00:00:00+00')"


def test_without_a_day_given_it_is_utc_today():
    made, _ = partitions.keep()
    assert made[0] in (datetime.now(UTC).date(), datetime.now(UTC).date() - timedelta(days=1))


def test_the_periodic_task_says_how_many_were_made_and_dropped():
    assert tasks.keep_partitions.delay().get() == {"made": 4, "dropped": 0}
    assert tasks.keep_partitions.delay().get() == {"made": 0, "dropped": 0}


@pytest.mark.django_db(transaction=True)
def test_makers_at_once_wait_for_each_other():
    errors = []

    def make():
        try:
            partitions.ensure(days(*range(5)))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert partitions.existing() == days(*range(5))
