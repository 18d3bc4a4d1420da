"""GET /api/v1/analytics/timeseries/"""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.tests.factories import log_requests
from api.tests.answers import wrong_fields
from api.v1.analytics.tests.support import BASE, assert_refuses_strangers, data
from api.v1.analytics.tests.test_summary import BAD_FILTERS, BAD_WINDOWS
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
SERIES = f"{BASE}timeseries/"
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
WINDOW = f"start={HOUR - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}&end={HOUR:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def made(user):
    return make_key(user)


@pytest.fixture
def traffic(user, other, made):
    log_requests(3, at=HOUR - timedelta(hours=3), user_id=user.pk, api_key_id=made.key.pk)
    log_requests(2, at=HOUR - timedelta(minutes=1), user_id=user.pk, status_code=500, method="POST")
    log_requests(4, at=HOUR - timedelta(minutes=1), user_id=other.pk)
    log_requests(5, at=HOUR)


def points(response):
    return [(point["start"], point["group"], point["requests"]) for point in data(response)]


def hour(ago):
    return f"{HOUR - timedelta(hours=ago):%Y-%m-%dT%H:%M:%SZ}"


def test_strangers_are_refused(api, as_bare_key):
    assert_refuses_strangers(api, as_bare_key, SERIES, "usage:read")


def test_an_administrator_sees_all_in_a_point_for_every_hour(as_admin, traffic):
    response = as_admin.get(f"{SERIES}?{WINDOW}")
    assert points(response) == [(hour(3), None, 3), (hour(2), None, 0), (hour(1), None, 6)]
    assert data(response)[2] == {
        "start": hour(1),
        "group": None,
        "requests": 6,
        "errors": 2,
        "server_errors": 2,
        "bytes_in": 60,
        "bytes_out": 600,
        "mean_ms": 1.0,
    }
    assert data(response)[1]["mean_ms"] is None


def test_a_user_and_its_key_see_their_own_whoever_they_ask_for(api, as_user, user, other, traffic):
    for client in (as_user, api.as_key(make_key(user, scopes=["usage:read"]).raw)):
        for query in ("", f"&user={other.pk}"):
            assert [point[2] for point in points(client.get(f"{SERIES}?{WINDOW}{query}"))] == [3, 0, 2]


def test_without_a_window_it_is_the_last_day_by_the_hour(as_user):
    assert len(points(as_user.get(SERIES))) in (24, 25)


@pytest.mark.parametrize(("bucket", "number"), [("minute", 180), ("hour", 3)])
def test_there_is_a_point_for_each_bucket(as_admin, traffic, bucket, number):
    found = points(as_admin.get(f"{SERIES}?{WINDOW}&bucket={bucket}"))
    assert len(found) == number
    assert sum(point[2] for point in found) == 9


def test_days_are_utc_days(as_admin):
    log_requests(2, at=datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC))
    log_requests(3, at=datetime(2026, 3, 11, tzinfo=UTC))
    response = as_admin.get(f"{SERIES}?bucket=day&start=2026-03-10T00:00:00Z&end=2026-03-12T00:00:00Z")
    assert points(response) == [("2026-03-10T00:00:00Z", None, 2), ("2026-03-11T00:00:00Z", None, 3)]


def test_groups_are_named_by_their_value(as_admin, user, other, made, traffic):
    def groups(name):
        return {(point[1], point[2]) for point in points(as_admin.get(f"{SERIES}?{WINDOW}&group_by={name}"))}

    assert groups("user_id") == {(str(user.pk), 3), (str(user.pk), 2), (str(other.pk), 4)}
    assert groups("api_key_id") == {(str(made.key.pk), 3)}
    assert groups("method") == {("GET", 3), ("GET", 4), ("POST", 2)}
    assert groups("status_class") == {("2", 3), ("2", 4), ("5", 2)}
    assert groups("endpoint") == {("/api/v1/users/{id}/", 3), ("/api/v1/users/{id}/", 6)}


def test_nobody_is_no_group_also_where_an_endpoint_is_asked_for(as_admin, made, traffic):
    query = f"{SERIES}?{WINDOW}&group_by=api_key_id&endpoint=/api/v1/users/{{id}}/"
    for bucket in ("minute", "hour"):
        assert {point[1] for point in points(as_admin.get(f"{query}&bucket={bucket}"))} == {str(made.key.pk)}


def test_the_rest_of_many_values_is_one_group_without_a_name(as_admin):
    for number in range(22):
        log_requests(number + 1, at=HOUR - timedelta(minutes=1), endpoint=f"/api/v1/x{number:02}/")
    found = points(as_admin.get(f"{SERIES}?{WINDOW}&group_by=endpoint"))
    assert len(found) == 21
    assert [point[2] for point in found if point[1] is None] == [1 + 2]


@pytest.mark.parametrize(("query", "field"), BAD_WINDOWS + BAD_FILTERS)
def test_a_bad_window_or_filter_is_named(as_admin, query, field):
    assert wrong_fields(as_admin.get(f"{SERIES}?{query}"))[0][0] == field


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("bucket=week", "bucket"),
        ("group_by=password", "group_by"),
        ("group_by=user_id,method", "group_by"),
        ("bucket=minute&start=2026-03-01T00:00:00Z&end=2026-03-10T00:00:00Z", "bucket"),
        ("bucket=hour&start=2026-01-01T00:00:00Z&end=2026-12-31T00:00:00Z", "bucket"),
    ],
)
def test_a_bad_bucket_group_or_too_many_points_are_named(as_admin, query, field):
    assert wrong_fields(as_admin.get(f"{SERIES}?{query}"))[0][0] == field


def test_the_queries_do_not_grow_with_the_traffic(as_admin, traffic, django_assert_max_num_queries):
    path = f"{SERIES}?{WINDOW}&group_by=endpoint"
    for number in range(25):
        log_requests(at=HOUR - timedelta(minutes=1), endpoint=f"/api/v1/x{number}/")
        if number in (0, 24):
            as_admin.get(path)
            # The busiest groups, their points, and the rest together where there is one.
            with django_assert_max_num_queries(3):
                as_admin.get(path)


@pytest.mark.parametrize("bucket", ["minute", "hour", "day"])
@pytest.mark.parametrize("group_by", ["endpoint", "method", "status_class", "user_id", "api_key_id"])
def test_a_window_without_requests_has_no_groups(as_user, made, bucket, group_by):
    for narrowed in ("", f"&api_key={made.key.pk}", f"&api_key={made.key.pk}&method=GET"):
        assert data(as_user.get(f"{SERIES}?{WINDOW}&bucket={bucket}&group_by={group_by}{narrowed}")) == []
