"""GET /api/v1/analytics/usage-stats/ and /usage-stats/{id}/"""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from analytics.models import UsageStats
from analytics.tests.factories import log_requests
from api.tests.answers import error, wrong_fields
from api.v1.analytics.tests.support import BASE, assert_refuses_strangers, data
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
LIST = f"{BASE}usage-stats/"
DAY = date(2026, 3, 10)


@pytest.fixture
def days(user, other):
    """Three days of the user, one of the outsider."""
    return [
        UsageStats.objects.create(
            user=owner, date=DAY + timedelta(days=day), messages_sent=messages, api_requests=10 * messages, modules={"chat": 1}
        )
        for owner, day, messages in ((user, 0, 1), (user, 1, 3), (user, 2, 2), (other, 1, 9))
    ]


def rows(response):
    return [(row["user_id"], row["date"]) for row in data(response)]


def test_strangers_are_refused(api, as_bare_key, days):
    assert_refuses_strangers(api, as_bare_key, LIST, "usage:read")
    assert_refuses_strangers(api, as_bare_key, f"{LIST}{days[0].pk}/", "usage:read")


def test_a_user_and_its_key_see_its_own_days_newest_first(api, as_user, user, days):
    for client in (as_user, api.as_key(make_key(user, scopes=["usage:read"]).raw)):
        assert rows(client.get(LIST)) == [(str(user.pk), f"2026-03-{day}") for day in (12, 11, 10)]


def test_an_administrator_sees_everybodys(as_admin, days):
    assert len(rows(as_admin.get(LIST))) == 4


def test_one_day_is_read_by_its_id_and_an_outsider_is_told_nothing(as_user, as_other, as_admin, days):
    path = f"{LIST}{days[0].pk}/"
    expected = {
        "id": str(days[0].pk),
        "user_id": str(days[0].user_id),
        "date": "2026-03-10",
        "messages_sent": 1,
        "media_sent": 0,
        "api_requests": 10,
        "errors": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "modules": {"chat": 1},
    }
    assert data(as_user.get(path)) == data(as_admin.get(path)) == expected
    assert error(as_other.get(path)) == (404, "not_found")
    assert error(as_admin.get(f"{LIST}{uuid4()}/")) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("date=2026-03-11", ["2026-03-11"]),
        ("date_from=2026-03-11", ["2026-03-12", "2026-03-11"]),
        ("date_to=2026-03-11", ["2026-03-11", "2026-03-10"]),
        ("date_from=2026-03-11&date_to=2026-03-11", ["2026-03-11"]),
        ("date_from=2026-03-13", []),
        ("ordering=date", ["2026-03-10", "2026-03-11", "2026-03-12"]),
        ("ordering=-messages_sent", ["2026-03-11", "2026-03-12", "2026-03-10"]),
        ("ordering=api_requests", ["2026-03-10", "2026-03-12", "2026-03-11"]),
    ],
)
def test_the_list_is_narrowed_and_ordered(as_user, days, query, expected):
    assert [found for _, found in rows(as_user.get(f"{LIST}?{query}"))] == expected


def test_by_user_for_an_administrator_and_nothing_of_others_for_everybody_else(as_admin, as_user, other, days):
    assert rows(as_admin.get(f"{LIST}?user={other.pk}")) == [(str(other.pk), "2026-03-11")]
    assert rows(as_user.get(f"{LIST}?user={other.pk}")) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("user=me", "user"),
        ("date=2026-02-30", "date"),
        ("date_from=yesterday", "date_from"),
        ("date_to=2026", "date_to"),
        ("ordering=user__password", "ordering"),
        ("page=0", "page"),
        ("page_size=1000", "page_size"),
    ],
)
def test_a_bad_value_is_named(as_user, query, field):
    assert wrong_fields(as_user.get(f"{LIST}?{query}"))[0][0] == field


def test_the_queries_do_not_grow_with_the_rows(as_admin, user, django_assert_num_queries):
    for day in range(20):
        UsageStats.objects.create(user=user, date=DAY + timedelta(days=day))
        if day in (0, 19):
            as_admin.get(LIST)
            with django_assert_num_queries(2):
                assert len(rows(as_admin.get(LIST))) == day + 1


def test_a_days_requests_are_there_after_the_shipper_came_by(as_user, user, load_spool):
    log_requests(2, user_id=user.pk, status_code=500)
    as_user.get(LIST)
    load_spool()
    (row,) = data(as_user.get(LIST))
    assert (row["api_requests"], row["errors"], row["modules"]) == (3, 2, {"users": 2, "analytics": 1})
