"""GET /api/v1/api-keys/{id}/usage/"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from analytics.tests.factories import log_requests
from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.api_keys.tests.support import LIST, detail
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(user):
    return make_key(user)


def usage(client, made, query=""):
    response = client.get(detail(made.key, "usage/") + query)
    assert response.status_code == 200, response.json()
    return response.json()["data"]


def test_an_anonymous_caller_is_refused(api, made):
    assert_anonymous(api.get(detail(made.key, "usage/")))


def test_an_outsider_and_a_guest_are_told_nothing(as_other, as_guest, made):
    for client in (as_other, as_guest):
        assert error(client.get(detail(made.key, "usage/"))) == (404, "not_found")


def test_a_key_without_the_scope_is_refused(as_bare_key, made):
    assert_lacks_scope(as_bare_key.get(detail(made.key, "usage/")), "api_keys:read")


def test_an_unknown_key_is_not_found(as_admin):
    assert error(as_admin.get(f"{LIST}{uuid4()}/usage/")) == (404, "not_found")


def test_a_key_never_used_has_a_row_of_nothing_for_each_day(as_user, made):
    data = usage(as_user, made)
    assert (data["requests"], data["errors"], data["p95_ms"], data["last_used_at"]) == (0, 0, None, None)
    assert len(data["days"]) == 30
    assert {day["requests"] for day in data["days"]} == {0}
    assert data["days"][-1]["date"] == datetime.now(UTC).date().isoformat()


def test_its_own_requests_are_counted_by_day_and_no_others(as_user, as_admin, as_reading_key, user, made):
    now = datetime.now(UTC).replace(microsecond=0)
    yesterday = now - timedelta(days=1)
    own = {"user_id": user.pk, "api_key_id": made.key.pk, "ip_address": "198.51.100.4"}
    log_requests(3, at=yesterday, **own)
    log_requests(2, at=now, status_code=500, **own)
    log_requests(4, at=now - timedelta(days=40), **own)
    log_requests(7, at=now, user_id=user.pk, api_key_id=make_key(user).key.pk)
    log_requests(7, at=now, user_id=user.pk)
    for client in (as_user, as_admin, as_reading_key):
        data = usage(client, made)
        assert (data["api_key"], data["requests"], data["errors"]) == (str(made.key.pk), 5, 2)
        assert data["p95_ms"] == pytest.approx(1.0, rel=0.25)
        assert (data["last_used_at"], data["last_used_ip"]) == (now.strftime("%Y-%m-%dT%H:%M:%SZ"), "198.51.100.4")
        by_date = {day["date"]: (day["requests"], day["errors"], day["bytes_in"], day["bytes_out"]) for day in data["days"]}
        assert by_date[now.date().isoformat()] == (2, 2, 20, 200)
        assert by_date[yesterday.date().isoformat()] == (3, 0, 30, 300)


@pytest.mark.parametrize("days", [1, 2, 366])
def test_as_many_days_as_asked_ending_today(as_user, user, made, days):
    now = datetime.now(UTC)
    log_requests(at=now, user_id=user.pk, api_key_id=made.key.pk)
    log_requests(2, at=now - timedelta(days=days - 1), user_id=user.pk, api_key_id=made.key.pk)
    log_requests(at=now - timedelta(days=days), user_id=user.pk, api_key_id=made.key.pk)
    data = usage(as_user, made, f"?days={days}")
    assert len(data["days"]) == days
    assert data["requests"] == 3 == sum(day["requests"] for day in data["days"])


@pytest.mark.parametrize("days", ["0", "-1", "367", "99999999999", "x", "1.5", "%D9%A3", ""])
def test_a_bad_number_of_days_is_named(as_user, made, days):
    assert wrong_fields(as_user.get(detail(made.key, f"usage/?days={days}"))) == [("days", "out_of_range")]


def test_a_request_just_made_shows_after_the_shipper_came_by(api, as_user, made, load_spool):
    api.as_key(made.raw).get("/api/v1/auth/me/")
    api.as_key(made.raw).get(f"{LIST}{uuid4()}/")
    load_spool()
    data = usage(as_user, made)
    assert (data["requests"], data["errors"]) == (2, 1)
    assert data["last_used_ip"] == "127.0.0.1"


def test_the_queries_do_not_grow_with_the_days(as_user, made, django_assert_max_num_queries):
    usage(as_user, made)
    for days in (1, 366):
        with django_assert_max_num_queries(4):
            usage(as_user, made, f"?days={days}")
