"""GET /api/v1/events/?wait=…: long polling in a web process, with real threads, PostgreSQL and Redis."""

import threading
import time

import pytest
from django.db import connection, connections, transaction
from django.test import override_settings

import events
from api.tests.answers import error
from api.v1.events import waiting
from api.v1.events.tests.support import ask, numbers, position, stream_of
from api_keys import services as key_services
from api_keys.tests.factories import make_key
from core.redis import breaker, client
from core.tests.support import lost_redis
from events import selectors
from events.announcing import channel
from events.models import Stream
from events.tests.support import cut_subscriptions, in_threads, publish, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _redis_is_there():
    breaker()._away_until = 0.0
    yield
    breaker()._away_until = 0.0


@pytest.fixture
def stream(user):
    return stream_of(user)


@pytest.fixture
def start(stream, as_user):
    return selectors.head(stream).seq


class Waiting:
    """A request that waits, in a thread."""

    def __init__(self, caller, stream, **query):
        self.answer = None
        self.seconds = None
        self._thread = threading.Thread(target=self._run, args=(caller, stream, query), daemon=True)
        self._thread.start()

    def _run(self, caller, stream, query):
        began = time.monotonic()
        self.answer = ask(caller, stream, **query)
        self.seconds = time.monotonic() - began
        connections.close_all()

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive(), "the request hangs"
        return self.answer

    @property
    def is_alive(self):
        return self._thread.is_alive()


def listeners(stream):
    return client().pubsub_numsub(channel(stream))[0][1]


def test_an_event_ends_the_wait_at_once(as_user, stream, start):
    # A slow look by itself would answer too: here only the announcement can.
    with override_settings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "LOOK_SECONDS", 30.0)
        request = Waiting(as_user, stream, since=start, wait=20)
        until(lambda: listeners(stream) == 1)
        time.sleep(0.5)
        assert request.is_alive, "nothing happened yet"
        published = time.monotonic()
        publish(5, stream=stream)
        answer = request.join()
    assert time.monotonic() - published < 2.0
    assert numbers(answer) == [5]
    assert answer.json()["meta"]["waited"] is True
    until(lambda: listeners(stream) == 0)


def test_nothing_is_answered_after_the_asked_time(as_user, stream, start):
    request = Waiting(as_user, stream, since=start, wait=1)
    answer = request.join()
    assert 0.9 < request.seconds < 4
    assert numbers(answer) == []
    assert position(answer)["recovered"] is True
    assert answer.json()["meta"]["waited"] is True


def test_what_is_there_already_is_not_waited_for(as_user, stream, start):
    publish(5, stream=stream)
    for query in ({"since": start}, {}, {"since": start + 1, "epoch": "other"}, {"since": start + 99}):
        request = Waiting(as_user, stream, wait=20, **query)
        answer = request.join()
        assert request.seconds < 5
        assert answer.json()["meta"]["waited"] is False


def test_an_event_that_is_never_announced_is_found_within_a_second(as_user, stream, start):
    request = Waiting(as_user, stream, since=start, wait=20)
    until(lambda: listeners(stream) == 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("events.publishing.send", lambda *args: None)
        published = time.monotonic()
        publish(6, stream=stream)
    assert numbers(request.join()) == [6]
    assert time.monotonic() - published < 4


def test_with_redis_away_it_takes_a_second_and_loses_nothing(as_user, stream, start, monkeypatch):
    lost = lost_redis()
    monkeypatch.setattr("core.redis.client", lambda: lost)
    request = Waiting(as_user, stream, since=start, wait=20)
    time.sleep(0.3)
    publish(7, stream=stream)
    assert numbers(request.join()) == [7]
    assert request.seconds < 5


def test_redis_that_goes_away_in_the_middle_costs_time_only(as_user, stream, start):
    request = Waiting(as_user, stream, since=start, wait=20)
    until(lambda: listeners(stream) == 1)
    cut_subscriptions()
    publish(8, stream=stream)
    assert numbers(request.join()) == [8]


def test_an_ephemeral_frame_wakes_nobody(as_user, stream, start, monkeypatch):
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 30.0)
    looks = []
    monkeypatch.setattr("api.v1.events.views.read", lambda *asked: looks.append(1) or real(*asked))
    from api.v1.events.reading import read as real

    request = Waiting(as_user, stream, since=start, wait=2)
    until(lambda: listeners(stream) == 1)
    for _ in range(50):
        events.publish_ephemeral("typing", {"on": True}, stream=stream)
    answer = request.join()
    assert numbers(answer) == []
    assert 1.9 < request.seconds < 6
    assert len(looks) == 3, "before the wait, in its beginning, and at its end"


def test_only_so_many_wait_and_the_next_is_answered_at_once(as_user, stream, start):
    with override_settings(LONG_POLLS_PER_PROCESS=2):
        first = [Waiting(as_user, stream, since=start, wait=20) for _ in range(2)]
        until(lambda: listeners(stream) == 2)
        third = Waiting(as_user, stream, since=start, wait=20)
        answer = third.join()
        assert third.seconds < 5
        assert (numbers(answer), answer.json()["meta"]["waited"]) == ([], False)
        publish(1, stream=stream)
        assert [numbers(one.join()) for one in first] == [[1], [1]]
        # The places are free again.
        again = Waiting(as_user, stream, since=start + 1, wait=20)
        until(lambda: listeners(stream) == 1)
        publish(2, stream=stream)
        assert numbers(again.join()) == [2]


def test_none_may_wait_where_none_is_allowed(as_user, stream, start):
    with override_settings(LONG_POLLS_PER_PROCESS=0):
        answer = Waiting(as_user, stream, since=start, wait=20).join()
    assert answer.json()["meta"]["waited"] is False


def test_the_connection_to_the_database_is_given_back_while_waiting(as_user, stream, start):
    def backends():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s "
                "AND state IS NOT NULL AND backend_type = 'client backend'",
                [""],
            )
            return cursor.fetchone()[0]

    before = backends()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "LOOK_SECONDS", 30.0)
        request = Waiting(as_user, stream, since=start, wait=20)
        until(lambda: listeners(stream) == 1)
        until(lambda: backends() == before)
        time.sleep(0.2)
        assert backends() == before
        assert request.is_alive
        publish(1, stream=stream)
        assert numbers(request.join()) == [1]


def test_a_key_revoked_meanwhile_ends_the_wait_and_is_refused_from_then_on(api, user, stream):
    made = make_key(user, scopes=["events:read"])
    caller = api.as_key(made.raw)
    since = selectors.head(stream).seq
    request = Waiting(caller, stream, since=since, wait=20)
    until(lambda: listeners(stream) == 1)
    key_services.revoke_key(key=made.key, actor=user)
    answer = request.join()
    assert request.seconds < 8
    # The event of the revocation may be there before the word that ends the key's access.
    if answer.status_code == 200:
        assert [event["type"] for event in answer.json()["data"]] == ["api_key.revoked"]
    until(lambda: ask(caller, stream).status_code == 401, 1.0)
    assert error(ask(caller, stream, since=since)) == (401, "api_key_revoked")


def test_a_new_epoch_ends_the_wait(as_user, stream, start):
    publish(stream=stream)
    epoch = selectors.head(stream).epoch
    for query in ({}, {"epoch": epoch}):
        Stream.objects.filter(key=stream).update(epoch=epoch)
        request = Waiting(as_user, stream, since=start + 1, wait=20, **query)
        until(lambda: listeners(stream) == 1)
        Stream.objects.filter(key=stream).update(epoch="restored")
        answer = request.join()
        assert position(answer)["recovered"] is False
        assert position(answer)["epoch"] == "restored"
        assert request.seconds < 8


def test_many_writers_lose_nothing_for_a_reader_that_polls(as_user, stream, start):
    def write():
        for number in range(20):
            publish(number, stream=stream)

    def read():
        since, seqs = start, []
        while len(seqs) < 60:
            answer = ask(as_user, stream, since=since, wait=10, limit=7)
            rows = answer.json()["data"]
            assert position(answer)["recovered"] is True
            seqs += [row["seq"] for row in rows]
            since = seqs[-1] if seqs else since
        return seqs

    *_, seqs = in_threads(write, write, write, read, seconds=60)
    assert seqs == list(range(start + 1, start + 61))


def test_a_wait_inside_a_transaction_keeps_the_connection(as_user, stream, start):
    with transaction.atomic():
        answer = ask(as_user, stream, since=start, wait=1)
        assert numbers(answer) == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
