"""Reading the log for an export: newest first, each row once, in bounded steps."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics import reading
from analytics.models import APILog
from analytics.tests.factories import line, log

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def rows(monkeypatch):
    """Fifty rows, many of them of one moment, read ten at a time."""
    monkeypatch.setattr(reading, "CHUNK", 10)
    log(*(line(NOON + timedelta(hours=number // 15)) for number in range(50)))
    return list(APILog.objects.order_by("-timestamp", "-id"))


@pytest.mark.parametrize("limit", [1, 9, 10, 11, 49, 50, 51, 1000])
def test_rows_come_newest_first_each_once_up_to_the_limit(rows, limit):
    assert list(reading.newest_first(APILog.objects.all(), limit)) == rows[:limit]


def test_each_step_is_one_query_and_only_when_it_is_read(rows, django_assert_num_queries):
    stream = reading.newest_first(APILog.objects.all(), 1000)
    with django_assert_num_queries(1):
        for _ in range(10):
            next(stream)
    with django_assert_num_queries(1):
        next(stream)


def test_the_filter_holds_in_every_step(rows):
    wanted = [row for row in rows if row.timestamp == NOON]
    assert list(reading.newest_first(APILog.objects.filter(timestamp=NOON), 1000)) == wanted


def test_rows_that_come_meanwhile_neither_repeat_nor_hide_others(rows):
    stream = reading.newest_first(APILog.objects.all(), 1000)
    head = [next(stream) for _ in range(10)]
    log(*(line(NOON + timedelta(days=1)) for _ in range(20)))
    assert head + list(stream) == rows


def test_nothing_is_an_empty_stream():
    assert list(reading.newest_first(APILog.objects.all(), 10)) == []
