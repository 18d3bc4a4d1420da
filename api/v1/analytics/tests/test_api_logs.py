"""GET /api/v1/analytics/api-logs/"""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from analytics.models import APILog
from analytics.tests.factories import line, log
from api.tests.answers import wrong_fields
from api.v1.analytics.tests.support import BASE, assert_refuses_strangers, data
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
LOGS = f"{BASE}api-logs/"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def made(user):
    return make_key(user)


@pytest.fixture
def requests(user, other, made):
    """Eight requests, a minute apart."""
    mine = {"user_id": user.pk}
    facts = [
        {**mine, "request_id": "r0"},
        {**mine, "request_id": "r1", "method": "POST", "status_code": 201, "api_key_id": made.key.pk},
        {**mine, "request_id": "r2", "endpoint": "/api/v1/chat/", "module": "chat", "status_code": 404},
        {**mine, "request_id": "r3", "ip_address": "2001:db8::1", "status_code": 500},
        {"user_id": other.pk, "request_id": "r4"},
        {"user_id": other.pk, "request_id": "r5", "status_code": 503},
        {"request_id": "r6", "status_code": 401, "ip_address": None},
        {"request_id": "r7", "endpoint": "(unknown)", "module": "unknown", "status_code": 404},
    ]
    log(*(line(NOON + timedelta(minutes=number), **fact) for number, fact in enumerate(facts)))


def ids(response):
    return [row["request_id"] for row in data(response)]


def test_strangers_are_refused(api, as_bare_key):
    assert_refuses_strangers(api, as_bare_key, LOGS, "logs:read")


def test_a_user_and_its_key_see_its_own_and_an_administrator_all_newest_first(api, as_user, as_admin, user, requests):
    own = ["r3", "r2", "r1", "r0"]
    assert ids(as_user.get(LOGS)) == own
    assert ids(api.as_key(make_key(user, scopes=["logs:read"]).raw).get(LOGS)) == own
    assert ids(as_admin.get(LOGS)) == ["r7", "r6", "r5", "r4", *own]


def test_a_row_holds_what_was_logged_and_no_more(as_user, user, made, requests):
    row = data(as_user.get(f"{LOGS}?request_id=r1"))[0]
    assert row == {
        "id": row["id"],
        "timestamp": "2026-03-10T12:01:00Z",
        "method": "POST",
        "endpoint": "/api/v1/users/{id}/",
        "status_code": 201,
        "duration_ms": 1.0,
        "bytes_in": 10,
        "bytes_out": 100,
        "ip_address": "192.0.2.1",
        "user_id": str(user.pk),
        "api_key_id": str(made.key.pk),
        "request_id": "r1",
        "module": "users",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("endpoint=/api/v1/chat/", {"r2"}),
        ("endpoint=(unknown)", {"r7"}),
        ("endpoint=/api/v1/users/{id}/&method=POST", {"r1"}),
        ("method=POST", {"r1"}),
        ("method=DELETE", set()),
        ("status_code=404", {"r2", "r7"}),
        ("status_class=4", {"r2", "r6", "r7"}),
        ("status_class=5", {"r3", "r5"}),
        ("status_class=2&method=GET", {"r0", "r4"}),
        ("ip_address=2001:DB8:0::1", {"r3"}),
        ("ip_address=192.0.2.1", {"r0", "r1", "r2", "r4", "r5", "r7"}),
        ("request_id=r5", {"r5"}),
        ("module=chat", {"r2"}),
        ("start=2026-03-10T12:06:00Z", {"r6", "r7"}),
        ("end=2026-03-10T12:01:00Z", {"r0"}),
        ("start=2026-03-10T13:01:00%2B01:00&end=2026-03-10T12:03:00Z", {"r1", "r2"}),
        ("start=2026-03-10T12:06:00", {"r6", "r7"}),
        ("start=9999-12-31T23:59:59Z", set()),
        ("end=0001-01-01T00:00:00Z", set()),
    ],
)
def test_each_filter_narrows_the_list(as_admin, requests, query, expected):
    assert set(ids(as_admin.get(f"{LOGS}?{query}"))) == expected


def test_by_user_and_key_for_an_administrator_and_never_others_for_everybody_else(as_admin, as_user, other, made, requests):
    assert ids(as_admin.get(f"{LOGS}?user={other.pk}")) == ["r5", "r4"]
    assert ids(as_user.get(f"{LOGS}?user={other.pk}")) == []
    for client in (as_admin, as_user):
        assert ids(client.get(f"{LOGS}?api_key={made.key.pk}")) == ["r1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("user=me", "user"),
        ("api_key=x", "api_key"),
        ("endpoint=" + "x" * 201, "endpoint"),
        ("endpoint=a%00", "endpoint"),
        ("method=" + "X" * 9, "method"),
        ("status_code=99", "status_code"),
        ("status_code=600", "status_code"),
        ("status_code=200.5", "status_code"),
        ("status_code=NaN", "status_code"),
        ("status_code=1e400", "status_code"),
        ("status_class=6", "status_class"),
        ("status_class=two", "status_class"),
        ("ip_address=here", "ip_address"),
        ("ip_address=192.0.2.0/24", "ip_address"),
        ("ip_address=fe80::1%25eth0", "ip_address"),
        ("request_id=a%00b", "request_id"),
        ("module=a%00b", "module"),
        ("start=yesterday", "start"),
        ("end=2026-13-01T00:00:00Z", "end"),
        ("ordering=endpoint", "ordering"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=" + "A" * 600, "cursor"),
        ("cursor=WyJuIiwxLDJd", "cursor"),
        ("cursor=WyJ4IiwiMjAyNiIsIjEiXQ", "cursor"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
    ],
)
def test_a_bad_value_is_named(as_admin, requests, query, field):
    assert wrong_fields(as_admin.get(f"{LOGS}?{query}"))[0][0] == field


class TestPaging:
    @pytest.fixture
    def rows(self):
        """Twenty-five requests, five to a moment."""
        log(*(line(NOON + timedelta(seconds=number // 5)) for number in range(25)))
        return [str(pk) for pk in APILog.objects.order_by("-timestamp", "-id").values_list("pk", flat=True)]

    def walk(self, client, cursor, direction, size=4):
        pages = []
        while True:
            query = f"?page_size={size}" + (f"&cursor={quote(cursor)}" if cursor else "")
            response = client.get(LOGS + query)
            pages.append([row["id"] for row in data(response)])
            before, cursor = cursor, response.json()["meta"]["pagination"][direction]
            if cursor is None:
                return pages, before

    def test_forward_and_back_each_row_comes_once(self, as_admin, rows):
        forward, last = self.walk(as_admin, None, "next_cursor")
        assert [pk for page in forward for pk in page] == rows
        assert [len(page) for page in forward] == [4] * 6 + [1]
        backward, _ = self.walk(as_admin, last, "previous_cursor")
        assert [pk for page in reversed(backward) for pk in page] == rows

    def test_rows_that_come_meanwhile_move_nothing(self, as_admin, rows):
        first = as_admin.get(f"{LOGS}?page_size=10")
        log(*(line(NOON + timedelta(days=1)) for _ in range(7)))
        cursor = first.json()["meta"]["pagination"]["next_cursor"]
        second = as_admin.get(f"{LOGS}?page_size=10&cursor={cursor}")
        assert [row["id"] for row in data(second)] == rows[10:20]

    def test_a_cursor_of_one_caller_shows_another_nothing_of_the_first(self, as_admin, as_other, rows):
        cursor = as_admin.get(f"{LOGS}?page_size=5").json()["meta"]["pagination"]["next_cursor"]
        assert data(as_other.get(f"{LOGS}?cursor={cursor}")) == []

    def test_an_empty_list_has_no_neighbours(self, as_user):
        pagination = as_user.get(LOGS).json()["meta"]["pagination"]
        assert (pagination["next_cursor"], pagination["previous_cursor"]) == (None, None)

    def test_one_query_whatever_the_page_and_the_rows(self, as_admin, rows, django_assert_num_queries):
        cursor = as_admin.get(f"{LOGS}?page_size=1").json()["meta"]["pagination"]["next_cursor"]
        for query in ("?page_size=1", "?page_size=20", f"?page_size=20&cursor={cursor}"):
            as_admin.get(LOGS)
            with django_assert_num_queries(1):
                as_admin.get(LOGS + query)


def test_a_call_is_in_the_log_with_its_route_and_without_its_query_and_credentials(as_user, as_key, made, load_spool):
    as_user.get(f"{LOGS}?request_id=secret-value", headers={"X-Request-ID": "mine"})
    as_key.get("/api/v1/api-keys/not-an-id/")
    load_spool()
    row = data(as_user.get(f"{LOGS}?request_id=mine"))[0]
    assert (row["endpoint"], row["method"], row["status_code"], row["module"]) == (LOGS, "GET", 200, "analytics")
    assert row["bytes_out"] > 50
    assert row["duration_ms"] > 0
    everything = str(list(APILog.objects.values()))
    assert "secret-value" not in everything
    assert made.raw not in everything
    assert "not-an-id" not in everything
