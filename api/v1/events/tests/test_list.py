"""GET /api/v1/events/: who may read a stream, and what a position gets."""

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.events import reading
from api.v1.events.tests.support import LIST, ask, numbers, position, stream_of
from events import selectors
from events.models import LogState, Stream
from events.tests.support import forget, publish, publish_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream(user):
    # Signing in and making keys may publish; each test begins behind that.
    return stream_of(user)


@pytest.fixture
def start(stream, as_user, as_reading_key):
    """The position before the test's own events."""
    return selectors.head(stream).seq


class TestWhoMayRead:
    def test_an_anonymous_caller_is_refused(self, api, stream):
        publish(stream=stream)
        assert_anonymous(ask(api, stream, since=0))

    def test_a_key_without_the_scope_is_told_which_one(self, as_bare_key, stream):
        publish(stream=stream)
        assert_lacks_scope(ask(as_bare_key, stream, since=0), "events:read")

    def test_an_outsider_and_an_administrator_learn_nothing_of_it(self, as_other, as_admin, stream):
        publish(stream=stream)
        for caller in (as_other, as_admin):
            assert error(ask(caller, stream, since=0)) == (404, "stream_not_found")

    def test_a_guest_reads_its_own(self, as_guest, guest):
        publish(7, stream=stream_of(guest))
        assert numbers(ask(as_guest, stream_of(guest), since=selectors.head(stream_of(guest)).seq - 1)) == [7]

    def test_the_owner_and_a_key_with_the_scope_read_it(self, as_user, as_reading_key, stream, start):
        publish(7, stream=stream)
        for caller in (as_user, as_reading_key):
            assert numbers(ask(caller, stream, since=start)) == [7]

    @pytest.mark.parametrize(
        "name",
        ["user", "user:", ":x", "planet:1", "user:" + "0" * 500, "user:a b", "User:1", "user:1:2", "user:1\n", " user:1", "ü:1"],
    )
    def test_a_name_that_is_none_is_not_found(self, as_user, name):
        assert error(ask(as_user, name, since=0)) == (404, "stream_not_found")

    def test_reading_writes_nothing(self, as_user, stream):
        before = list(Stream.objects.values_list("key", "seq"))
        ask(as_user, stream)
        ask(as_user, stream, since=0)
        assert list(Stream.objects.values_list("key", "seq")) == before


class TestPositions:
    def test_without_since_only_the_position_is_told(self, as_user, stream, start):
        publish_many(3, stream=stream)
        answer = ask(as_user, stream)
        epoch = LogState.objects.get().epoch
        assert numbers(answer) == []
        assert position(answer) == {"name": stream, "epoch": epoch, "seq": start + 3, "recovered": True, "more": False}
        assert answer.json()["meta"]["waited"] is False
        assert answer.json()["meta"]["request_id"] == answer.headers["X-Request-ID"]

    def test_a_stream_without_events_stands_at_zero(self, api):
        from users.tests.factories import make_user

        nobody = make_user()
        caller = api.as_user(nobody)
        Stream.objects.filter(key=stream_of(nobody)).delete()
        assert position(ask(caller, stream_of(nobody), since=0))["seq"] == 0

    def test_events_come_oldest_first_with_all_that_is_told_of_them(self, as_user, stream, start):
        before = timezone.now()
        publish_many(3, stream=stream)
        answer = ask(as_user, stream, since=start)
        assert numbers(answer) == [1, 2, 3]
        rows = answer.json()["data"]
        assert [row["seq"] for row in rows] == [start + 1, start + 2, start + 3]
        found = selectors.after(stream, start, limit=10)
        for row, event in zip(rows, found, strict=True):
            assert set(row) == {"type", "stream", "seq", "id", "timestamp", "data"}
            assert (row["type"], row["stream"], row["id"]) == ("sample.happened", stream, str(event.id))
            assert row["timestamp"].endswith("Z")
            assert before <= datetime.fromisoformat(row["timestamp"]) == event.created_at <= timezone.now()
            assert row["data"] == {"number": row["seq"] - start, "text": ""}

    def test_pages_hold_every_event_once(self, as_user, stream, start):
        publish_many(7, stream=stream)
        since, seen, mores = start, [], []
        for _ in range(3):
            answer = ask(as_user, stream, since=since, limit=3, epoch=position(ask(as_user, stream))["epoch"])
            seen += numbers(answer)
            mores.append(position(answer)["more"])
            assert position(answer)["seq"] == start + 7
            since = answer.json()["data"][-1]["seq"]
        assert seen == [1, 2, 3, 4, 5, 6, 7]
        assert mores == [True, True, False]

    def test_at_the_head_there_is_nothing(self, as_user, stream, start):
        publish(stream=stream)
        answer = ask(as_user, stream, since=start + 1)
        assert numbers(answer) == []
        assert position(answer)["recovered"] is True

    def test_another_epoch_is_not_recovered(self, as_user, stream, start):
        publish(stream=stream)
        answer = ask(as_user, stream, since=start, epoch="another")
        assert numbers(answer) == []
        assert (position(answer)["recovered"], position(answer)["seq"]) == (False, start + 1)
        assert position(ask(as_user, stream, epoch="another"))["recovered"] is False

    def test_a_position_beyond_the_head_is_not_recovered(self, as_user, stream, start):
        publish(stream=stream)
        for since in (start + 2, 9_223_372_036_854_775_807):
            answer = ask(as_user, stream, since=since)
            assert numbers(answer) == []
            assert position(answer)["recovered"] is False

    def test_a_position_past_retention_is_not_recovered_in_part(self, as_user, stream, start):
        publish_many(5, stream=stream)
        forget(stream, start + 2)
        for since in (start, start + 1):
            answer = ask(as_user, stream, since=since)
            assert numbers(answer) == []
            assert position(answer) | {"recovered": False, "more": False, "seq": start + 5} == position(answer)
        assert numbers(ask(as_user, stream, since=start + 2)) == [3, 4, 5]

    def test_the_oldest_page_may_be_gone_while_later_ones_are_whole(self, as_user, stream, start):
        publish_many(6, stream=stream)
        forget(stream, start + 3)
        assert position(ask(as_user, stream, since=start, limit=2))["recovered"] is False
        assert numbers(ask(as_user, stream, since=start + 3, limit=2)) == [4, 5]

    def test_a_page_ends_early_when_its_payloads_are_large(self, as_user, stream, start, monkeypatch):
        monkeypatch.setattr(reading, "MAX_BYTES", 100)
        for number in range(3):
            publish(number, stream=stream, text="x" * 40)
        answer = ask(as_user, stream, since=start)
        assert numbers(answer) == [0]
        assert position(answer)["more"] is True
        publish(9, stream=stream, text="y" * 500)
        answer = ask(as_user, stream, since=start + 3)
        assert numbers(answer) == [9], "one event always fits"
        assert position(answer)["more"] is False


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "field", "code"),
        [
            ("", "stream", "required"),
            ("stream=", "stream", "blank"),
            ("stream=a%00b", "stream", "null_characters_not_allowed"),
            ("stream=user:1&since=-1", "since", "min_value"),
            ("stream=user:1&since=9223372036854775808", "since", "max_value"),
            ("stream=user:1&since=one", "since", "invalid"),
            ("stream=user:1&since=" + "9" * 2000, "since", "max_string_length"),
            ("stream=user:1&limit=0", "limit", "min_value"),
            ("stream=user:1&limit=501", "limit", "max_value"),
            ("stream=user:1&limit=1.5", "limit", "invalid"),
            ("stream=user:1&wait=-1", "wait", "min_value"),
            ("stream=user:1&wait=31", "wait", "max_value"),
            ("stream=user:1&wait=nan", "wait", "invalid"),
            ("stream=user:1&epoch=" + "x" * 17, "epoch", "max_length"),
        ],
    )
    def test_a_bad_value_is_named(self, as_user, query, field, code):
        assert wrong_fields(as_user.get(f"{LIST}?{query}")) == [(field, code)]

    def test_the_highest_limit_is_taken_and_a_hundred_is_the_default(self, as_user, stream, start):
        publish_many(501, stream=stream)
        assert len(numbers(ask(as_user, stream, since=start, limit=500))) == 500
        assert len(numbers(ask(as_user, stream, since=start))) == 100


def test_the_queries_do_not_grow_with_the_events(as_user, stream, start):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ask(as_user, stream, since=start).status_code == 200
        return len(queries)

    publish(stream=stream)
    ask(as_user, stream)
    few = asked()
    publish_many(50, stream=stream)
    assert few == asked() == 2
