"""What the admin promises about the request log, usage and the dashboard."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import APILog, UsageStats
from analytics.tests.factories import line, log, log_requests, write
from api_keys.services import NewKey
from api_keys.tests.factories import make_key
from core import broker
from core.admin_pages import keyset
from core.redis import RedisAway
from users.models import User
from users.tests.factories import make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

LOG = "/admin/analytics/apilog/"
USAGE = "/admin/analytics/usagestats/"
PER_PAGE = 50


def shown_rows(content: str) -> list[str]:
    """The ids on a page, in its order."""
    return list(dict.fromkeys(re.findall(r"/apilog/([0-9a-f-]{36})/change/", content)))


def link(content: str, name: str) -> str | None:
    found = re.search(rf'href="([^"]*)">{name}</a>', content)
    return html.unescape(found[1]) if found else None


def minutes_ago(count: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=count)


@pytest.mark.parametrize("path", [LOG, USAGE, "/admin/", "/admin/state/"])
def test_outsiders_are_not_let_in_and_staff_is(path: str, user: User) -> None:
    assert Client().get(path)["Location"].startswith("/admin/login/")
    assert signed_in(user).get(path)["Location"].startswith("/admin/login/")
    assert signed_in(make_user(is_staff=True)).get(path).status_code == 200


class TestTheLog:
    def test_never_counts(self, chief: Client) -> None:
        log_requests(3)
        first = shown_rows(chief.get(LOG).content.decode())[0]
        queries = ["", "?status=failed", "?q=test", "?user=chief", f"{first}/change/"]
        for query in queries:
            with CaptureQueriesContext(connection) as captured:
                assert chief.get(f"{LOG}{query}").status_code == 200
            asked = [one["sql"] for one in captured if "analytics_apilog" in one["sql"]]
            assert asked
            assert not [sql for sql in asked if "COUNT(" in sql.upper()]
            assert all("LIMIT" in sql for sql in asked)

    def test_reads_one_page_and_its_names_whatever_the_number_of_rows(self, chief: Client) -> None:
        def request() -> bytes:
            owner = make_user()
            return line(user_id=owner.pk, api_key_id=make_key(owner).key.pk)

        log(request())
        with CaptureQueriesContext(connection) as few:
            assert len(shown_rows(chief.get(LOG).content.decode())) == 1
        log(*(request() for _ in range(20)))
        with CaptureQueriesContext(connection) as many:
            assert len(shown_rows(chief.get(LOG).content.decode())) == 21
        assert len(many) == len(few)

    def test_walks_through_all_rows_in_both_directions_each_once(self, chief: Client) -> None:
        same_moment = datetime.now(UTC)
        log(*(line(same_moment if number % 3 else minutes_ago(number)) for number in range(2 * PER_PAGE + 7)))
        address: str | None = LOG
        forward, pages = [], []
        while address:
            content = chief.get(f"{LOG}{address}" if address.startswith("?") else address).content.decode()
            pages.append(shown_rows(content))
            forward += pages[-1]
            address = link(content, "Older")
        expected = [str(pk) for pk in APILog.objects.order_by("-timestamp", "-id").values_list("pk", flat=True)]
        assert forward == expected
        back = link(content, "Newer")
        assert back is not None
        assert shown_rows(chief.get(f"{LOG}{back}").content.decode()) == pages[-2]
        newest = link(content, "Newest")
        assert newest is not None
        assert shown_rows(chief.get(f"{LOG}{newest}").content.decode()) == pages[0]

    @pytest.mark.parametrize(
        "cursor", ["2", "n.1", "n.x.y", "n.99999999999999999999.00", "x" * 5000, "n.-1." + "0" * 32, "p..", "\x00"]
    )
    def test_takes_a_forged_position_for_the_first_page_or_an_empty_one(self, chief: Client, cursor: str) -> None:
        log_requests(1)
        assert chief.get(LOG, {"p": cursor}).status_code == 200

    def test_filters(self, chief: Client, user: User, key: NewKey) -> None:
        log(
            line(user_id=user.pk, request_id="by-user"),
            line(user_id=user.pk, api_key_id=key.key.pk, request_id="by-key"),
            line(endpoint="/api/v1/special/", request_id="special"),
            line(method="DELETE", request_id="delete"),
            line(status_code=404, request_id="missing"),
            line(status_code=503, request_id="broken"),
            line(ip_address="2001:db8::7", request_id="six"),
            line(minutes_ago(60 * 30), request_id="old"),
        )
        yesterday = minutes_ago(60 * 24)
        for query, wanted in (
            ({"user": "owner"}, {"by-user", "by-key"}),
            ({"user": str(user.pk)}, {"by-user", "by-key"}),
            ({"user": "nobody-at-all"}, set()),
            ({"key": key.key.last_four}, {"by-key"}),
            ({"key": str(key.key.pk)}, {"by-key"}),
            ({"endpoint": "/api/v1/special/"}, {"special"}),
            ({"method": "DELETE"}, {"delete"}),
            ({"status": "4"}, {"missing"}),
            ({"status": "5"}, {"broken"}),
            ({"status": "failed"}, {"missing", "broken"}),
            ({"address": "2001:DB8:0::7"}, {"six"}),
            ({"address": "no-address"}, set()),
            ({"q": "special"}, {"special"}),
            ({"timestamp_to_0": f"{yesterday:%Y-%m-%d}", "timestamp_to_1": f"{yesterday:%H:%M:%S}"}, {"old"}),
            ({"status": "failed", "method": "DELETE"}, set()),
        ):
            rows = shown_rows(chief.get(LOG, query).content.decode())
            assert set(APILog.objects.filter(pk__in=rows).values_list("request_id", flat=True)) == wanted, query

    def test_says_so_when_a_time_or_address_is_not_one(self, chief: Client) -> None:
        log_requests(1)
        assert "is not an IP address" in chief.get(LOG, {"address": "house"}).content.decode()
        assert "is not a time" in chief.get(LOG, {"timestamp_from_0": "soon"}).content.decode()

    def test_offers_the_endpoints_called_lately(self, chief: Client) -> None:
        log_requests(1, endpoint="/api/v1/special/")
        assert '<option value="/api/v1/special/"' in chief.get(LOG).content.decode()

    def test_gives_up_on_a_page_that_takes_too_long_and_says_so(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        log_requests(1)
        monkeypatch.setattr(keyset, "STATEMENT_MS", 1)
        slow = APILog.objects.extra(where=["pg_sleep(0.2) IS NOT NULL"])
        monkeypatch.setattr("analytics.admin.log.APILogAdmin.get_queryset", lambda self, request: slow)
        response = chief.get(LOG)
        assert response.status_code == 200
        assert "This would take too long" in response.content.decode()

    def test_names_what_still_exists_and_shows_the_id_of_what_does_not(self, chief: Client, user: User) -> None:
        gone = make_user()
        log(line(user_id=user.pk), line(user_id=gone.pk))
        gone_id = str(gone.pk)
        gone.delete()
        content = chief.get(LOG).content.decode()
        assert f'href="/admin/users/user/{user.pk}/change/">owner</a>' in content
        assert gone_id in content
        assert f"/admin/users/user/{gone_id}/" not in content

    def test_shows_one_request_found_by_key_in_its_partition(self, chief: Client, key: NewKey) -> None:
        log(line(api_key_id=key.key.pk, user_id=key.key.owner_id, request_id="the-one", status_code=418))
        row = APILog.objects.get()
        with CaptureQueriesContext(connection) as captured:
            content = chief.get(f"{LOG}{row.pk}/change/").content.decode()
        assert "the-one" in content
        assert "418" in content
        assert key.key.masked in content
        (sql,) = {one["sql"] for one in captured if "analytics_apilog" in one["sql"]}
        assert '"timestamp" >=' in sql

    @pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"])
    def test_leads_back_to_the_list_from_a_request_that_is_not_there(self, chief: Client, name: str) -> None:
        assert chief.get(f"{LOG}{name}/change/").status_code == 302

    def test_can_only_be_looked_at(self, chief: Client) -> None:
        log_requests(1)
        row = APILog.objects.get()
        assert chief.get(f"{LOG}add/").status_code == 403
        assert chief.post(f"{LOG}{row.pk}/change/", {"status_code": 200}).status_code == 403
        assert chief.post(f"{LOG}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        chief.post(LOG, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
        assert APILog.objects.count() == 1


class TestUsage:
    def day(self, user: User, ago: int = 0, **counts: int) -> UsageStats:
        return UsageStats.objects.create(user=user, date=datetime.now(UTC).date() - timedelta(days=ago), **counts)

    def test_is_listed_filtered_and_searched(self, chief: Client, user: User, other: User) -> None:
        mine, theirs = self.day(user, api_requests=7), self.day(other)
        for query in ({"user": "owner"}, {"q": "owner@example.com"}):
            content = chief.get(USAGE, query).content.decode()
            assert str(mine.pk) in content
            assert str(theirs.pk) not in content

    def test_has_a_date_hierarchy(self, chief: Client, user: User) -> None:
        self.day(user)
        self.day(user, 400)
        assert f"?date__year={self.day(user, 1).date.year}" in chief.get(USAGE).content.decode()

    def test_takes_as_many_queries_for_twenty_rows_as_for_one(self, chief: Client, user: User) -> None:
        self.day(user)
        with CaptureQueriesContext(connection) as few:
            chief.get(USAGE)
        for _ in range(20):
            self.day(make_user())
        with CaptureQueriesContext(connection) as many:
            chief.get(USAGE)
        assert len(many) == len(few)

    def test_can_only_be_looked_at(self, chief: Client, user: User) -> None:
        day = self.day(user, messages_sent=3, bytes_out=2048)
        assert "2.0 kB" in chief.get(f"{USAGE}{day.pk}/change/").content.decode()
        assert chief.post(f"{USAGE}{day.pk}/change/", {"messages_sent": 0}).status_code == 403
        assert chief.post(f"{USAGE}{day.pk}/delete/", {"post": "yes"}).status_code == 403
        day.refresh_from_db()
        assert day.messages_sent == 3


class TestTheDashboard:
    def charts(self, client: Client, **query: str) -> dict[str, dict[str, list[Any]]]:
        """Series by chart and name, as the page hands them to the charts."""
        context = client.get("/admin/", query).context
        found = {}
        for chart in context["charts"]:
            data = json.loads(chart.data)
            found[chart.title] = {one["label"]: one["data"] for one in data["datasets"]} | {"labels": data["labels"]}
        return found

    def tiles(self, client: Client, **query: str) -> dict[str, str]:
        return dict(client.get("/admin/", query).context["tiles"])

    def test_draws_what_was_requested(self, chief: Client, user: User) -> None:
        log_requests(8, at=minutes_ago(5), duration_us=2000, user_id=user.pk)
        log_requests(1, at=minutes_ago(5), status_code=404)
        log_requests(1, at=minutes_ago(5), status_code=500)
        charts = self.charts(chief, window="hour")
        assert sum(charts["Requests"]["Requests"]) == 10
        assert sum(charts["Errors"]["Errors"]) == 2
        assert sum(charts["Errors"]["of them 5xx"]) == 1
        (p95,) = [value for value in charts["Latency"]["p95"] if value is not None]
        assert 1.5 < p95 < 2.5
        tiles = self.tiles(chief, window="hour")
        assert (tiles["Requests"], tiles["Errors"], tiles["Error rate"]) == ("10", "2", "20.00%")
        content = chief.get("/admin/?window=hour").content.decode()
        assert "GET /api/v1/users/{id}/" in content
        assert f"/admin/users/user/{user.pk}/change/" in content

    @pytest.mark.parametrize(("window", "points"), [("hour", 60), ("day", 24), ("week", 168), ("month", 30), ("nonsense", 24)])
    def test_has_windows(self, chief: Client, window: str, points: int) -> None:
        log_requests(1, at=minutes_ago(2))
        assert len(self.charts(chief, window=window)["Requests"]["labels"]) == points

    def test_draws_messages_by_day(self, chief: Client, user: User) -> None:
        UsageStats.objects.create(user=user, date=datetime.now(UTC).date(), messages_sent=12, media_sent=5)
        chart = self.charts(chief)["Messages sent, 7 days"]
        assert (chart["Messages"][-1], chart["of them media"][-1]) == (12, 5)

    def test_draws_the_queue_as_the_heartbeat_sampled_it(self, chief: Client) -> None:
        broker._client().rpush(settings.CELERY_TASK_DEFAULT_QUEUE, "a", "b", "c")
        broker.sample()
        assert self.charts(chief)["Queue depth"]["Tasks waiting"] == [3]
        assert self.tiles(chief)["Tasks waiting"] == "3"

    def test_narrows_to_one_user_or_key(self, chief: Client, user: User, key: NewKey) -> None:
        log_requests(2, user_id=user.pk, api_key_id=key.key.pk)
        log_requests(3, user_id=user.pk)
        log_requests(5)
        assert self.tiles(chief)["Requests"] == "10"
        assert self.tiles(chief, user=str(user.pk))["Requests"] == "5"
        assert self.tiles(chief, key=str(key.key.pk))["Requests"] == "2"
        assert key.key.masked in chief.get("/admin/", {"key": str(key.key.pk)}).content.decode()

    def test_is_empty_and_well_without_a_single_request(self, chief: Client) -> None:
        content = chief.get("/admin/").content.decode()
        assert "Nothing in this window" in content
        assert self.tiles(chief)["Error rate"] == "-"

    def test_shows_the_rest_when_redis_is_away(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*args: Any) -> Any:
            raise RedisAway

        monkeypatch.setattr("core.broker.depth", away)
        log_requests(4)
        tiles = self.tiles(chief)
        assert (tiles["Requests"], tiles["Tasks waiting"]) == ("4", "Redis is away")

    def test_reads_rollups_in_a_number_of_queries_that_does_not_grow(self, chief: Client) -> None:
        def requests(count: int) -> None:
            for number in range(count):
                owner = make_user()
                log_requests(2, user_id=owner.pk, api_key_id=make_key(owner).key.pk, endpoint=f"/api/v1/{number}/")

        requests(1)
        with CaptureQueriesContext(connection) as few:
            chief.get("/admin/?window=week")
        requests(15)
        with CaptureQueriesContext(connection) as many:
            chief.get("/admin/?window=week")
        assert len(many) == len(few)
        assert not [one for one in many if "analytics_apilog" in one["sql"]]


def test_the_state_page_tells_of_spool_partitions_and_losses(chief: Client) -> None:
    log_requests(1)
    write(settings.SPOOL_DIR, line(), line())
    (settings.SPOOL_DIR / "dropped.tally").write_text("40\n2\n")
    try:
        content = chief.get("/admin/state/").content.decode()
    finally:
        (settings.SPOOL_DIR / "dropped.tally").unlink()
    section = content[content.index("<h2>Request log</h2>") :]
    assert re.search(r"In 1 files of \d+ B", section)
    assert re.search(r"Dropped rows</th>\s*<td>\s*<span[^>]*atelier-danger[^>]*>42<", section)
    assert f"{datetime.now(UTC):%Y-%m-%d}" in section
