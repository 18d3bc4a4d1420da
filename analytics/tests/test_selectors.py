"""What people read: totals, percentiles, rankings and series add up to what was logged, for every scope."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from analytics import selectors
from analytics.choices import Period
from analytics.housekeeping import purge
from analytics.models import UsageStats
from analytics.selectors import Scope
from analytics.tests.factories import line, log, log_requests
from analytics.windows import DAY, HOUR, STEP, Window, floor
from core.ids import uuid7

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
# The hour before the running one, and the whole of the days around it.
HOUR_AGO = floor(NOW, HOUR) - HOUR
LAST_HOUR = Window(HOUR_AGO, HOUR_AGO + HOUR)
ANN, BOB = uuid7(), uuid7()
ANNS_KEY, BOBS_KEY = uuid7(), uuid7()
CHAT, ROOMS = "/api/v1/chat/", "/api/v1/rooms/{id}/"


@pytest.fixture
def traffic(db):
    """300 requests of an hour, as dictionaries, and loaded."""
    choose = random.Random(7)
    requests = []
    for _ in range(300):
        user = choose.choice([None, ANN, BOB])
        requests.append(
            {
                "timestamp": HOUR_AGO + timedelta(seconds=choose.randrange(3600)),
                "user_id": user,
                "api_key_id": choose.choice([None, {ANN: ANNS_KEY, BOB: BOBS_KEY}[user]]) if user else None,
                "method": choose.choice(["GET", "POST"]),
                "endpoint": choose.choice([CHAT, ROOMS]),
                "status_code": choose.choice([200, 200, 201, 404, 503]),
                "duration_us": choose.randrange(500, 500_000),
                "bytes_in": choose.randrange(100),
                "bytes_out": choose.randrange(1000),
            }
        )
    log(*(line(request["timestamp"], **{k: v for k, v in request.items() if k != "timestamp"}) for request in requests))
    # Outside the window: an hour earlier and after it.
    log_requests(5, at=HOUR_AGO - timedelta(seconds=1), user_id=ANN, endpoint=CHAT)
    log_requests(5, at=HOUR_AGO + HOUR, user_id=ANN, endpoint=CHAT)
    return requests


def matching(requests, scope):
    facts = scope.given()
    wanted = facts.pop("status_class", None)
    return [
        request
        for request in requests
        if all(request[name] == value for name, value in facts.items()) and wanted in (None, request["status_code"] // 100)
    ]


SCOPES = {
    "everything": Scope(),
    "a user": Scope(user_id=ANN),
    "a key": Scope(user_id=ANN, api_key_id=ANNS_KEY),
    "a key by itself": Scope(api_key_id=BOBS_KEY),
    "an endpoint": Scope(endpoint=CHAT),
    "a method": Scope(method="POST"),
    "an endpoint and method": Scope(method="POST", endpoint=ROOMS),
    "failures of the server": Scope(status_class=5),
    "a user's failures": Scope(user_id=BOB, status_class=4),
    "a user's endpoint": Scope(user_id=BOB, endpoint=CHAT, method="GET"),
    "all at once": Scope(user_id=BOB, api_key_id=BOBS_KEY, endpoint=CHAT, method="GET", status_class=2),
    "a stranger": Scope(user_id=uuid7()),
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_totals_equal_a_recount_in_every_scope(traffic, scope):
    found, hits = selectors.totals(LAST_HOUR, scope), matching(traffic, scope)
    assert found["requests"] == len(hits)
    assert found["errors"] == sum(hit["status_code"] >= 400 for hit in hits)
    assert found["server_errors"] == sum(hit["status_code"] >= 500 for hit in hits)
    for name in ("bytes_in", "bytes_out"):
        assert found[name] == sum(hit[name] for hit in hits)
    if hits:
        assert found["mean_ms"] == pytest.approx(sum(hit["duration_us"] for hit in hits) / len(hits) / 1000, abs=0.001)
    else:
        assert found["mean_ms"] is None


@pytest.mark.parametrize("name", ["everything", "a user", "a key", "an endpoint", "an endpoint and method", "a user's failures"])
def test_percentiles_are_within_a_quarter_of_the_true_ones(traffic, name):
    scope = SCOPES[name]
    found = selectors.totals(LAST_HOUR, scope)
    durations = sorted(hit["duration_us"] / 1000 for hit in matching(traffic, scope))
    for label, fraction in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        true = durations[int(fraction * len(durations) + 0.999999) - 1]
        assert found[label] == pytest.approx(true, rel=0.25)


@pytest.mark.parametrize("name", ["a user's endpoint", "all at once"])
def test_where_no_histogram_is_kept_there_is_no_percentile_rather_than_a_wrong_one(traffic, name):
    assert selectors.totals(LAST_HOUR, SCOPES[name])["p95_ms"] is None


def ranking(requests, names):
    counts = {}
    for request in requests:
        key = tuple(request[name] for name in names)
        if None not in key:
            counts.setdefault(key, []).append(request)
    return {key: (len(hits), sum(hit["status_code"] >= 400 for hit in hits)) for key, hits in counts.items()}


@pytest.mark.parametrize("names", [("method", "endpoint"), ("user_id",), ("api_key_id",)])
@pytest.mark.parametrize("scope", [Scope(), Scope(user_id=BOB), Scope(endpoint=CHAT)], ids=["all", "a user", "an endpoint"])
def test_rankings_equal_a_recount_busiest_first_and_leave_nobody_out_of_it(traffic, names, scope):
    found = selectors.top(LAST_HOUR, scope, names)
    assert {tuple(row[name] for name in names): (row["requests"], row["errors"]) for row in found} == ranking(
        matching(traffic, scope), names
    )
    assert [row["requests"] for row in found] == sorted((row["requests"] for row in found), reverse=True)
    assert all(row["mean_ms"] > 0 for row in found)


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_the_busiest_users_and_keys_are_the_same_read_together_or_apart(traffic, scope):
    users, keys = selectors.top_callers(LAST_HOUR, scope)
    assert users == selectors.top(LAST_HOUR, scope, ("user_id",))
    assert keys == selectors.top(LAST_HOUR, scope, ("api_key_id",))


def test_the_busiest_callers_of_an_endpoint_are_ten_at_most_and_those_alike_in_a_steady_order(django_assert_num_queries):
    callers = [(uuid7(), uuid7()) for _ in range(12)]
    log(*(line(HOUR_AGO, user_id=user, api_key_id=key, endpoint=CHAT) for user, key in callers))
    with django_assert_num_queries(1):
        users, keys = selectors.top_callers(LAST_HOUR, Scope(endpoint=CHAT))
    assert [row["user_id"] for row in users] == sorted(user for user, _ in callers)[:10]
    assert [row["api_key_id"] for row in keys] == sorted(key for _, key in callers)[:10]


def test_a_ranking_ends_after_ten():
    log(*(line(HOUR_AGO, endpoint=f"/api/v1/chat/{number}/") for number in range(12) for _ in range(number + 1)))
    found = selectors.top(LAST_HOUR, Scope(), ("method", "endpoint"))
    assert [row["requests"] for row in found] == list(range(12, 2, -1))


class TestTimeseries:
    def test_there_is_a_point_for_every_step_also_an_empty_one(self, traffic):
        window = Window(HOUR_AGO - HOUR, HOUR_AGO + HOUR)
        points = selectors.timeseries(window, Scope(), Period.MINUTE, None)
        assert [point["start"] for point in points] == [window.start + timedelta(minutes=number) for number in range(120)]
        assert sum(point["requests"] for point in points[60:]) == 300
        assert points[0]["requests"] == 0
        assert points[0]["mean_ms"] is None

    def test_the_first_step_is_whole_and_the_end_is_left_out(self, traffic):
        points = selectors.timeseries(Window(HOUR_AGO + timedelta(minutes=59), HOUR_AGO + HOUR), Scope(), Period.HOUR, None)
        assert [(point["start"], point["requests"]) for point in points] == [(HOUR_AGO, 300)]

    @pytest.mark.parametrize("group_by", ["endpoint", "method", "status_class", "user_id", "api_key_id"])
    @pytest.mark.parametrize("scope", [Scope(), Scope(user_id=BOB), Scope(endpoint=CHAT)], ids=["all", "a user", "an endpoint"])
    @pytest.mark.parametrize("period", [Period.MINUTE, Period.HOUR])
    def test_groups_equal_a_recount_and_nobody_is_no_group(self, traffic, group_by, scope, period):
        points = selectors.timeseries(LAST_HOUR, scope, period, group_by)
        expected = {}
        for hit in matching(traffic, scope):
            value = hit["status_code"] // 100 if group_by == "status_class" else hit[group_by]
            if value is not None:
                key = (floor(hit["timestamp"], STEP[period]), value)
                expected[key] = expected.get(key, 0) + 1
        assert {(point["start"], point[group_by]): point["requests"] for point in points} == expected

    @pytest.mark.parametrize("period", [Period.MINUTE, Period.HOUR])
    @pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
    def test_every_scope_adds_up_in_every_grain(self, traffic, scope, period):
        points, hits = selectors.timeseries(LAST_HOUR, scope, period, None), matching(traffic, scope)
        assert len(points) == HOUR / STEP[period]
        for name in ("bytes_in", "bytes_out"):
            assert sum(point[name] for point in points) == sum(hit[name] for hit in hits)
        for point in points:
            inside = [hit for hit in hits if floor(hit["timestamp"], STEP[period]) == point["start"]]
            assert point["requests"] == len(inside)
            assert point["errors"] == sum(hit["status_code"] >= 400 for hit in inside)

    def test_of_many_values_the_twenty_busiest_are_kept_and_the_rest_is_one(self):
        log(*(line(HOUR_AGO, endpoint=f"/api/v1/chat/{number:02}/") for number in range(25) for _ in range(number + 1)))
        points = selectors.timeseries(LAST_HOUR, Scope(), Period.HOUR, "endpoint")
        assert len(points) == 21
        rest = [point for point in points if point["endpoint"] is None]
        assert [point["requests"] for point in rest] == [1 + 2 + 3 + 4 + 5]
        assert sum(point["requests"] for point in points) == 25 * 26 // 2

    def test_days_are_utc_days(self):
        log_requests(2, at=datetime(2026, 3, 10, 23, 59, tzinfo=UTC))
        log_requests(3, at=datetime(2026, 3, 11, 0, 0, tzinfo=UTC))
        window = Window(datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC))
        assert [(point["start"].day, point["requests"]) for point in selectors.timeseries(window, Scope(), Period.DAY, None)] == [
            (10, 2),
            (11, 3),
        ]


def test_a_window_of_days_hours_and_minutes_counts_each_request_once():
    moments = [NOW - timedelta(minutes=7 * number) for number in range(300)]
    log(*(line(moment) for moment in moments))
    for hours in (1, 5, 26, 34):
        window = Window(floor(NOW - timedelta(hours=hours), timedelta(minutes=1)), NOW + timedelta(minutes=1))
        assert selectors.totals(window, Scope())["requests"] == sum(moment >= window.start for moment in moments)


def test_a_window_older_than_the_hours_kept_is_answered_from_days(settings):
    old = floor(NOW, timedelta(days=1)) - timedelta(days=settings.ROLLUP_HOUR_RETENTION_DAYS + 10)
    log_requests(4, at=old + timedelta(hours=20))
    purge()
    window = Window(old + timedelta(hours=12), old + timedelta(hours=36))
    assert selectors.totals(window, Scope())["requests"] == 4


@pytest.mark.parametrize("ago", [1, 3], ids=["by the minute", "by the hour"])
def test_a_window_is_widened_to_the_end_of_a_day_that_brought_no_more(ago):
    day = floor(NOW, DAY) - ago * DAY
    log_requests(3, at=day + timedelta(hours=10, minutes=30), user_id=ANN, api_key_id=ANNS_KEY)
    log_requests(2, at=day + timedelta(hours=14, seconds=59), user_id=BOB, endpoint=CHAT)
    log_requests(1, at=day + DAY)
    start = day + timedelta(hours=9)

    closed = Window(start, day + timedelta(hours=13, minutes=59))
    assert selectors.widened(closed) == closed
    assert selectors.totals(closed, Scope())["requests"] == 3

    for end in (timedelta(hours=14, seconds=1), timedelta(hours=20), DAY):
        asked = Window(start, day + end)
        found = selectors.widened(asked)
        assert found == Window(start, day + DAY)
        for scope in SCOPES.values():
            assert selectors.totals(found, scope) == selectors.totals(asked, scope)
            assert selectors.top_callers(found, scope) == selectors.top_callers(asked, scope)


def test_a_window_answered_from_days_is_as_wide_as_it_is(settings):
    old = floor(NOW, DAY) - timedelta(days=settings.ROLLUP_HOUR_RETENTION_DAYS + 10)
    window = Window(old, old + timedelta(hours=12))
    assert selectors.widened(window) == window


def test_summaries_cost_a_fixed_number_of_queries(traffic, django_assert_num_queries):
    with django_assert_num_queries(2):
        selectors.totals(LAST_HOUR, Scope())
    with django_assert_num_queries(1):
        selectors.top(LAST_HOUR, Scope(), ("user_id",))
    with django_assert_num_queries(2):
        selectors.timeseries(LAST_HOUR, Scope(), Period.MINUTE, "endpoint")


def test_percentiles_over_time_are_those_of_each_step(traffic):
    series = selectors.latency_series(Window(HOUR_AGO - HOUR, HOUR_AGO + HOUR), Scope(user_id=BOB), Period.HOUR)
    totals = selectors.totals(LAST_HOUR, Scope(user_id=BOB))
    assert series == {HOUR_AGO: (totals["p50_ms"], totals["p95_ms"])}
    assert selectors.latency_series(LAST_HOUR, SCOPES["a user's endpoint"], Period.HOUR) == {}


def test_messages_by_day_are_everybodys_or_one_users(user, other):
    today = NOW.date()
    for owner, days_ago, messages, media in (
        (user, 0, 3, 1),
        (other, 0, 4, 0),
        (user, 1, 5, 5),
        (user, 9, 7, 7),
        (other, 1, 0, 0),
    ):
        UsageStats.objects.create(user=owner, date=today - timedelta(days=days_ago), messages_sent=messages, media_sent=media)
    first = today - timedelta(days=2)
    assert selectors.messages_by_day(first) == {today: (7, 1), today - timedelta(days=1): (5, 5)}
    assert selectors.messages_by_day(first, user_id=other.pk) == {today: (4, 0)}


def test_recent_endpoints_are_named_once_in_order():
    log_requests(2, endpoint=ROOMS)
    log_requests(2, endpoint=CHAT, status_code=500)
    log_requests(1, at=NOW - timedelta(days=9), endpoint="/api/v1/old/")
    assert selectors.recent_endpoints() == [CHAT, ROOMS]
    assert selectors.recent_endpoints(limit=1) == [CHAT]
