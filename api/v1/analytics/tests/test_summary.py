"""GET /api/v1/analytics/summary/"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils.dateparse import parse_datetime

from analytics.tests.factories import log_requests
from api.tests.answers import wrong_fields
from api.v1.analytics.tests.support import BASE, assert_refuses_strangers, data
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
SUMMARY = f"{BASE}summary/"
NOW = datetime.now(UTC)


@pytest.fixture
def made(user):
    return make_key(user, name="backend")


@pytest.fixture
def traffic(user, other, made):
    at = NOW - timedelta(minutes=30)
    chat = {"endpoint": "/api/v1/chat/", "module": "chat"}
    log_requests(6, at=at, user_id=user.pk, api_key_id=made.key.pk)
    log_requests(2, at=at, user_id=user.pk, status_code=404, **chat)
    log_requests(5, at=at, user_id=other.pk, status_code=503, **chat)
    log_requests(4, at=at)
    log_requests(9, at=NOW - timedelta(days=3), user_id=user.pk)


def test_strangers_are_refused(api, as_bare_key):
    assert_refuses_strangers(api, as_bare_key, SUMMARY, "usage:read")


def test_an_administrator_sees_all_of_the_last_day(as_admin, user, other, made, traffic):
    found = data(as_admin.get(SUMMARY))
    assert parse_datetime(found["end"]) - parse_datetime(found["start"]) == timedelta(days=1)
    assert (found["requests"], found["errors"], found["server_errors"]) == (17, 7, 5)
    assert (found["bytes_in"], found["bytes_out"]) == (170, 1700)
    assert found["error_rate"] == round(7 / 17, 6)
    assert found["mean_ms"] == 1.0
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        assert found[name] == pytest.approx(1.0, rel=0.25)
    assert [(row["method"], row["endpoint"], row["requests"], row["errors"]) for row in found["top_endpoints"]] == [
        ("GET", "/api/v1/users/{id}/", 10, 0),
        ("GET", "/api/v1/chat/", 7, 7),
    ]
    assert [(row["user_id"], row["username"], row["requests"]) for row in found["top_users"]] == [
        (str(user.pk), "owner", 8),
        (str(other.pk), "outsider", 5),
    ]
    assert [(row["api_key_id"], row["name"], row["requests"]) for row in found["top_keys"]] == [(str(made.key.pk), "backend", 6)]


def test_a_user_and_its_key_see_their_own_whoever_they_ask_for(api, as_user, user, other, traffic):
    for client in (as_user, api.as_key(make_key(user, scopes=["usage:read"]).raw)):
        for query in ("", f"?user={user.pk}", f"?user={other.pk}"):
            found = data(client.get(SUMMARY + query))
            assert (found["requests"], found["errors"]) == (8, 2)
            assert [row["user_id"] for row in found["top_users"]] == [str(user.pk)]
            assert {row["endpoint"] for row in found["top_endpoints"]} == {"/api/v1/users/{id}/", "/api/v1/chat/"}


def test_another_ones_key_shows_a_user_nothing(as_other, made, traffic):
    found = data(as_other.get(f"{SUMMARY}?api_key={made.key.pk}"))
    assert (found["requests"], found["top_keys"]) == (0, [])


def test_nothing_is_a_summary_of_nothing(as_user):
    found = data(as_user.get(SUMMARY))
    assert (found["requests"], found["errors"], found["error_rate"], found["mean_ms"], found["p95_ms"]) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert found["top_endpoints"] == found["top_users"] == found["top_keys"] == []


def test_deleted_users_and_keys_keep_their_numbers_and_lose_their_names(as_admin, traffic, user):
    user.delete()
    found = data(as_admin.get(SUMMARY))
    assert found["top_users"][0]["username"] is None
    assert found["top_keys"][0]["name"] is None


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ("endpoint=/api/v1/chat/", 7),
        ("endpoint=/api/v1/nothing/", 0),
        ("method=GET", 17),
        ("method=POST", 0),
        ("status_class=5", 5),
        ("status_class=2&endpoint=/api/v1/chat/", 0),
    ],
)
def test_each_filter_narrows_it(as_admin, traffic, query, requests):
    assert data(as_admin.get(f"{SUMMARY}?{query}"))["requests"] == requests


def test_by_user_and_key_for_an_administrator(as_admin, user, made, traffic):
    assert data(as_admin.get(f"{SUMMARY}?user={user.pk}"))["requests"] == 8
    assert data(as_admin.get(f"{SUMMARY}?api_key={made.key.pk}"))["requests"] == 6
    assert data(as_admin.get(f"{SUMMARY}?user={user.pk}&endpoint=/api/v1/chat/"))["requests"] == 2
    assert data(as_admin.get(f"{SUMMARY}?user={uuid4()}"))["requests"] == 0


def window(start, end):
    return f"?start={start:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"


def test_the_window_is_the_callers(as_admin, traffic):
    assert data(as_admin.get(SUMMARY + window(NOW - timedelta(days=5), NOW)))["requests"] == 26
    assert data(as_admin.get(SUMMARY + window(NOW - timedelta(days=5), NOW - timedelta(days=1))))["requests"] == 9
    assert data(as_admin.get(SUMMARY + window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))))["requests"] == 0


def test_an_offset_in_the_window_is_understood(as_admin, traffic):
    end = NOW + timedelta(hours=5, minutes=45)
    answer = as_admin.get(f"{SUMMARY}?end={end:%Y-%m-%dT%H:%M:%S}%2B05:45")
    assert data(answer)["requests"] == 17


BAD_WINDOWS = [
    ("start=x", "start"),
    ("end=x", "end"),
    ("start=2026-03-11T00:00:00Z&end=2026-03-10T00:00:00Z", "start"),
    ("start=2026-03-11T00:00:00Z&end=2026-03-11T00:00:00Z", "start"),
    ("start=2024-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", "start"),
    ("start=1999-12-31T00:00:00Z&end=2000-01-02T00:00:00Z", "start"),
    ("end=0001-01-01T00:00:00Z", "end"),
    ("end=9999-12-31T23:59:59Z", "end"),
    ("start=9999-12-31T23:59:59Z", "start"),
    ("start=0001-01-01T00:00:00%2B14:00", "start"),
    ("end=9999-12-31T23:59:59-14:00", "end"),
    ("start=99999-01-01T00:00:00Z", "start"),
]
BAD_FILTERS = [
    ("user=me", "user"),
    ("api_key=x", "api_key"),
    ("endpoint=" + "x" * 201, "endpoint"),
    ("endpoint=a%00b", "endpoint"),
    ("method=BREW", "method"),
    ("status_class=0", "status_class"),
    ("status_class=6", "status_class"),
    ("status_class=x", "status_class"),
]


@pytest.mark.parametrize(("query", "field"), BAD_WINDOWS + BAD_FILTERS)
def test_a_bad_value_is_named(as_admin, query, field):
    assert wrong_fields(as_admin.get(f"{SUMMARY}?{query}"))[0][0] == field


def test_an_empty_parameter_is_as_none(as_admin, traffic):
    assert data(as_admin.get(f"{SUMMARY}?endpoint=&user=&start=&status_class="))["requests"] == 17


def test_the_queries_do_not_grow_with_the_traffic(as_admin, traffic, user, django_assert_num_queries):
    as_admin.get(SUMMARY)
    with django_assert_num_queries(9):
        as_admin.get(SUMMARY)
    for number in range(20):
        log_requests(user_id=user.pk, api_key_id=uuid4(), endpoint=f"/api/v1/x{number}/")
    as_admin.get(SUMMARY)
    with django_assert_num_queries(9):
        as_admin.get(SUMMARY)
