"""Rollups equal a recount of the log by hand, for every cube and grain, in any session's time zone."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from analytics.choices import Cube, Period
from analytics.latency import BUCKETS, bounds_us
from analytics.loading import Chunk, load
from analytics.models import NOBODY, APILog, Rollup
from analytics.tests.factories import line, log
from core.ids import uuid7

pytestmark = pytest.mark.django_db
DIMENSIONS = {
    Cube.TOTAL: ("status_class",),
    Cube.ROUTE: ("method", "endpoint", "status_class"),
    Cube.USER: ("user_id", "status_class"),
    Cube.KEY: ("user_id", "api_key_id", "status_class"),
    Cube.DETAIL: ("user_id", "api_key_id", "method", "endpoint", "status_class"),
}
NEUTRAL = {"user_id": NOBODY, "api_key_id": NOBODY, "method": "", "endpoint": "", "status_class": 0}
MEASURES = ("requests", "bytes_in", "bytes_out", "duration_us")


def bucket_of(duration):
    return next(number for number in range(BUCKETS) if duration < bounds_us(number)[1] or number == BUCKETS - 1)


def start_of(moment, period):
    day = {"hour": 0, "minute": 0} if period is Period.DAY else {"minute": 0} if period is Period.HOUR else {}
    return moment.replace(second=0, microsecond=0, **day)


def is_kept(cube, period, start, row, since):
    """Which sums there are: nobody's and keyless requests have no cube of their own, old minutes and detailed ones no row."""
    if (cube in (Cube.USER, Cube.DETAIL) and row.user_id is None) or (cube is Cube.KEY and row.api_key_id is None):
        return False
    return period is not Period.MINUTE or (start >= since and cube is not Cube.DETAIL)


def recount(since):
    """All rollups there should be, from the rows of the log: sums, and requests by latency bucket."""
    sums, histograms = {}, {}
    for row in APILog.objects.all():
        facts = {
            "user_id": row.user_id or NOBODY,
            "api_key_id": row.api_key_id or NOBODY,
            "method": row.method,
            "endpoint": row.endpoint,
            "status_class": row.status_code // 100,
        }
        for cube, names in DIMENSIONS.items():
            dimensions = tuple((facts if name in names else NEUTRAL)[name] for name in NEUTRAL)
            for period in Period:
                start = start_of(row.timestamp, period)
                if is_kept(cube, period, start, row, since):
                    key = (cube.value, period.value, start, *dimensions)
                    sums.setdefault(key, Counter()).update(
                        requests=1, bytes_in=row.bytes_in, bytes_out=row.bytes_out, duration_us=row.duration_us
                    )
                    histograms.setdefault(key, Counter()).update([bucket_of(row.duration_us)])
    return {
        key: (*(cell[name] for name in MEASURES), None if key[0] == Cube.DETAIL else dict(histograms[key]))
        for key, cell in sums.items()
    }


def stored():
    return {
        (row["cube"], row["period"], row["start"], *(row[name] for name in NEUTRAL)): (
            *(row[name] for name in MEASURES),
            None if row["latency_buckets"] is None else dict(zip(row["latency_buckets"], row["latency_counts"], strict=True)),
        )
        for row in Rollup.objects.values()
    }


def random_line(choose, users, keys, now):
    user = choose.choice([None, *users])
    key = choose.choice([None, *keys[user]]) if user else None
    ago = choose.choice([timedelta(minutes=5), timedelta(hours=5), timedelta(days=1), timedelta(days=40)])
    return line(
        now - ago * choose.random(),
        method=choose.choice(["GET", "POST", "BREW"]),
        endpoint=choose.choice(["/api/v1/users/", "/api/v1/api-keys/{id}/", "(unknown)"]),
        status_code=choose.choice([101, 200, 201, 304, 400, 404, 429, 500, 599]),
        duration_us=choose.choice([0, 99, 100, 124, int(choose.lognormvariate(8, 3)), 10**9]),
        bytes_in=choose.randrange(5000),
        bytes_out=choose.randrange(10**7),
        user_id=user,
        api_key_id=key,
    )


def random_load(seed):
    choose = random.Random(seed)
    users = [uuid7() for _ in range(3)]
    keys = {user: [uuid7() for _ in range(2)] for user in users}
    now = datetime.now(UTC)
    for number in range(4):
        lines = [random_line(choose, users, keys, now) for _ in range(choose.randrange(1, 120))]
        half = len(lines) // 2
        load([Chunk(f"{number}a.log", 0, b"".join(lines[:half])), Chunk(f"{number}b.log", 0, b"".join(lines[half:]))])


def assert_equal_to_a_recount():
    # The minute of the retention's edge may lie on either side by now.
    edge = datetime.now(UTC) - timedelta(days=2)
    near = {edge.replace(second=0, microsecond=0) - timedelta(minutes=1) * number for number in range(3)}
    expected = {key: cell for key, cell in recount(edge).items() if key[2] not in near}
    found = {key: cell for key, cell in stored().items() if key[2] not in near}
    assert found == expected


@pytest.mark.parametrize("seed", range(4))
def test_every_cube_and_grain_equals_a_recount_by_hand(seed):
    random_load(seed)
    assert_equal_to_a_recount()
    assert {row[0] for row in stored()} == {cube.value for cube in Cube}


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Dublin"])
def test_the_sessions_time_zone_does_not_matter(zone, user):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE %s", [zone])
    random_load(99)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert_equal_to_a_recount()
    assert all(start_of(key[2], Period(key[1])) == key[2] for key in stored())


@pytest.mark.parametrize(
    "moments",
    [
        # Spring: 02:00 to 03:00 does not exist in New York; autumn: 01:00 to 02:00 is there twice.
        [
            datetime(2026, 3, 8, 6, 59, tzinfo=UTC),
            datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
            datetime(2026, 3, 8, 7, 59, tzinfo=UTC),
        ],
        [
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
            datetime(2026, 11, 1, 7, 30, tzinfo=UTC),
        ],
    ],
)
def test_neither_does_a_change_of_its_clocks(moments, user):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'America/New_York'")
    log(*(line(moment, user_id=user.pk) for moment in moments))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert list(APILog.objects.order_by("timestamp").values_list("timestamp", flat=True)) == moments
    hours = Rollup.objects.filter(cube=Cube.USER, period=Period.HOUR).values_list("start", flat=True)
    assert set(hours) == {start_of(moment, Period.HOUR) for moment in moments}


def test_a_row_too_late_for_its_minutes_is_still_in_its_hour_and_day(settings):
    late = datetime.now(UTC) - timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS, hours=2)
    log(line(late))
    assert set(Rollup.objects.values_list("period", flat=True)) == {Period.HOUR, Period.DAY}


def test_durations_too_long_for_the_histogram_are_in_its_last_bucket():
    log(line(duration_us=10**9), line(duration_us=10**12))
    histograms = Rollup.objects.filter(cube=Cube.TOTAL).values_list("latency_buckets", "latency_counts")
    assert list(histograms) == [([BUCKETS - 1], [2])] * len(Period)
