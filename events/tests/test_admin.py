"""What the admin promises about events, streams and live connections."""

import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.redis import breaker, client
from core.tests.support import lost_redis
from events.admin.heads import MAX_COUNTED
from events.admin.state import readings
from events.models import Event, PendingEvent, Stream
from events.tests.support import OTHER, STREAM, publish, publish_many
from users.models import User
from users.tests.factories import make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

LOG = "/admin/events/event/"
HEADS = "/admin/events/stream/"
LIVE = "/admin/live/"
PER_PAGE = 50


def rows(content: str) -> list[str]:
    """The ids on a page, in its order."""
    return list(dict.fromkeys(re.findall(r"/events/event/([0-9a-f-]{36})/change/", content)))


def link(content: str, name: str) -> str | None:
    found = re.search(rf'href="([^"]*)">{name}</a>', content)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("path", [LOG, HEADS, LIVE])
def test_outsiders_are_not_let_in_and_staff_is(path: str, user: User) -> None:
    assert Client().get(path)["Location"].startswith("/admin/login/")
    assert signed_in(user).get(path)["Location"].startswith("/admin/login/")
    assert signed_in(make_user(is_staff=True)).get(path).status_code == 200


def test_nothing_can_be_added_changed_or_deleted(chief: Client) -> None:
    publish()
    event = Event.objects.get(stream=STREAM)
    for path in (f"{LOG}add/", f"{LOG}{event.pk}/delete/", f"{HEADS}add/", f"{HEADS}{STREAM.replace(':', '_3A')}/delete/"):
        assert chief.get(path).status_code == 403
        assert chief.post(path, {"post": "yes"}).status_code == 403
    chief.post(f"{LOG}{event.pk}/change/", {"type": "other"})
    chief.post(f"{HEADS}{STREAM.replace(':', '_3A')}/change/", {"seq": "9"})
    assert Event.objects.get(stream=STREAM).type == "sample.happened"
    assert Stream.objects.get(pk=STREAM).seq == 1


class TestTheLog:
    def test_never_counts(self, chief: Client) -> None:
        publish_many(3)
        event = Event.objects.filter(stream=STREAM).first()
        for query in ("", "?type=user.created", f"?q={STREAM}", f"?q={event.pk}", f"{event.pk}/change/"):
            with CaptureQueriesContext(connection) as captured:
                assert chief.get(f"{LOG}{query}").status_code == 200
            asked = [one["sql"] for one in captured if "events_event" in one["sql"]]
            assert asked
            assert not [sql for sql in asked if "COUNT(" in sql.upper()]
            assert all("LIMIT" in sql for sql in asked)

    def test_walks_through_all_events_each_once(self, chief: Client) -> None:
        publish_many(PER_PAGE + 7)
        address: str | None = LOG
        seen = []
        while address:
            content = chief.get(f"{LOG}{address}" if address.startswith("?") else address).content.decode()
            seen += rows(content)
            address = link(content, "Older")
        expected = [str(pk) for pk in Event.objects.order_by("-created_at", "-id").values_list("pk", flat=True)]
        assert seen == expected
        assert len(seen) >= PER_PAGE + 7

    def test_is_searched_by_stream_and_id_and_filtered_by_type_and_time(self, chief: Client) -> None:
        publish(1)
        publish(2, stream=OTHER)
        first = Event.objects.get(stream=STREAM)
        tomorrow = timezone.now() + timedelta(days=1)

        def found(**query: Any) -> set[str]:
            pks = rows(chief.get(LOG, query).content.decode())
            return set(Event.objects.filter(pk__in=pks, type="sample.happened").values_list("stream", flat=True))

        assert found() == {STREAM, OTHER}
        assert found(q=STREAM) == {STREAM}
        assert found(q=f" {first.pk} ") == {STREAM}
        assert found(q="0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a99") == set()
        assert found(q="nonsense") == set()
        assert found(q="a\0b") == {STREAM, OTHER}, "no search at all"
        assert found(type="user.created") == set()
        assert found(created_at_from_0=f"{tomorrow:%Y-%m-%d}") == set()
        assert found(created_at_to_0=f"{tomorrow:%Y-%m-%d}") == {STREAM, OTHER}

    def test_an_event_shows_its_payload_as_text(self, chief: Client) -> None:
        publish(5, text="<script>alert(1)</script>")
        event = Event.objects.get(stream=STREAM)
        content = chief.get(f"{LOG}{event.pk}/change/").content.decode()
        assert "&lt;script&gt;alert(1)" in content
        assert "<script>alert(1)" not in content
        assert STREAM in content

    @pytest.mark.parametrize("key", ["nonsense", "0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a99", "f" * 32])
    def test_an_event_that_is_gone_leads_back(self, chief: Client, key: str) -> None:
        assert chief.get(f"{LOG}{key}/change/").status_code == 302

    def test_a_user_page_leads_to_the_users_events(self, chief: Client, user: User) -> None:
        content = chief.get(f"/admin/users/user/{user.pk}/change/").content.decode()
        assert f"{LOG}?q=user:{user.pk}" in html.unescape(content)


class TestTheHeads:
    def test_are_found_by_their_beginning_and_lead_to_their_events(self, chief: Client) -> None:
        publish_many(3)
        publish(stream=OTHER)
        content = chief.get(HEADS, {"q": STREAM[:-2]}).content.decode()
        assert STREAM in content
        assert OTHER in content
        content = chief.get(HEADS, {"q": STREAM}).content.decode()
        assert OTHER not in content
        assert f"{LOG}?q={STREAM}" in html.unescape(content)
        assert chief.get(HEADS, {"q": "a\0b"}).status_code == 200
        page = chief.get(f"{HEADS}{STREAM.replace(':', '_3A')}/change/").content.decode()
        assert "own account" in page

    def test_are_never_counted_without_a_bound(self, chief: Client) -> None:
        Stream.objects.bulk_create(Stream(key=f"room:{number:05}", epoch="e", seq=1) for number in range(MAX_COUNTED + 20))
        with CaptureQueriesContext(connection) as captured:
            content = chief.get(HEADS).content.decode()
        counts = [one["sql"] for one in captured if "events_stream" in one["sql"] and "COUNT(" in one["sql"].upper()]
        assert counts
        assert all(f"LIMIT {MAX_COUNTED}" in sql for sql in counts)
        assert "room:00049" in content
        assert "room:00050" not in content
        assert "room:01019" in chief.get(HEADS, {"q": "room:01019"}).content.decode()

    def test_one_of_a_module_that_is_off_says_so(self, chief: Client) -> None:
        Stream.objects.create(key="planet:1", epoch="e", seq=1)
        assert "switched off" in chief.get(f"{HEADS}planet_3A1/change/").content.decode()


def report(**fields: Any) -> bytes:
    told = {
        "host": "left",
        "pid": 100,
        "started_at": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp(),
        "connections": 3,
        "users": 2,
        "streams": 4,
        "delivered": 1000,
        "closed_slow": 1,
    }
    return json.dumps({**told, **fields}).encode()


def tell(name: str, text: bytes, seconds: int = 30) -> None:
    client().set(f"atelier:events:live:{name}", text, ex=seconds)


class TestLiveConnections:
    def cells(self, browser: Client) -> tuple[list[str], list[list[str]]]:
        """The tiles, and the table's cells."""
        answer = browser.get(LIVE)
        assert answer.status_code == 200
        content = answer.content.decode()
        tiles = re.findall(r"atelier-tile\">[^<]*<b>([^<]*)</b>", content)
        body = content.partition("<tbody>")[2].partition("</tbody>")[0]
        return tiles, [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]

    def test_each_process_is_listed_with_totals(self, chief: Client) -> None:
        tell("b", report(host="right", pid=200, connections=40, users=30, delivered=5, closed_slow=0))
        tell("a", report())
        tiles, table = self.cells(chief)
        assert tiles == ["2", "43", "32", "1005", "1"]
        assert table == [
            ["left", "100", "2030-01-02 03:04:05", "3", "2", "4", "1000", "1"],
            ["right", "200", "2030-01-02 03:04:05", "40", "30", "4", "5", "0"],
        ]

    def test_none_is_said(self, chief: Client) -> None:
        assert self.cells(chief) == (["0"] * 5, [])
        assert "No realtime process" in chief.get(LIVE).content.decode()

    def test_a_killed_one_goes_away(self, chief: Client) -> None:
        tell("a", report())
        client().pexpire("atelier:events:live:a", 1)
        time.sleep(0.02)
        assert self.cells(chief)[1] == []

    @pytest.mark.parametrize("text", [b"", b"x", b"[]", b"{}", b"null", report(pid="x"), report(started_at=1e99), b"\xff"])
    def test_what_is_no_report_is_left_out(self, chief: Client, text: bytes) -> None:
        tell("a", text)
        tell("b", report())
        assert len(self.cells(chief)[1]) == 1

    def test_words_of_a_process_are_text(self, chief: Client) -> None:
        tell("a", report(host="<b>x</b>"))
        assert "&lt;b&gt;x" in chief.get(LIVE).content.decode()

    def test_with_redis_away_it_is_said(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        lost = lost_redis()
        monkeypatch.setattr("core.redis.client", lambda: lost)
        assert "Redis is away" in chief.get(LIVE).content.decode()
        breaker()._away_until = 0.0


class TestTheState:
    def test_it_is_on_the_page_of_the_system(self, chief: Client) -> None:
        content = chief.get("/admin/state/").content.decode()
        assert "Event log" in content
        assert "Ready for tomorrow." in content

    def test_an_event_that_waits_too_long_is_told(self) -> None:
        PendingEvent.objects.all().delete()
        assert [one.tone for one in readings()] == ["success", "", "success"]
        publish()
        assert readings()[0].value == "1"
        assert readings()[0].tone == "success"
        PendingEvent.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        assert readings()[0].tone == "danger"

    def test_no_partition_for_tomorrow_is_told(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE events_event CASCADE")
        assert readings()[2].tone == "danger"
