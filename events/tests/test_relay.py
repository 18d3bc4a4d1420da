"""The relay: each committed event reaches each consumer once, whatever fails, waits or is killed."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
from django.conf import settings
from django.db import connection, transaction

import events
from core.redis import client
from core.tests.support import lost_redis
from events import relay
from events.models import Event, PendingEvent
from events.relay import Relay, relay_once
from events.tests.support import BELL, OTHER, STREAM, Happened, cut_subscriptions, in_threads, publish, publish_many, until

pytestmark = pytest.mark.django_db(transaction=True)
TAKEN = "events_test_taken"


class Undo(Exception):
    """A consumer's failure."""


@pytest.fixture
def taken(db):
    """A table that stands for a consumer's rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TAKEN} (event_id uuid, stream text, seq bigint, backend int DEFAULT pg_backend_pid())")
    yield _rows
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TAKEN}")


def _rows():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT stream, seq FROM {TAKEN} ORDER BY stream, seq")
        return cursor.fetchall()


def write(found):
    """A consumer that keeps what it is handed, in the relay's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {TAKEN} (event_id, stream, seq) VALUES (%s, %s, %s)", [(one.id, one.stream, one.seq) for one in found]
        )


@pytest.fixture
def consume(monkeypatch):
    """Choose the consumers."""
    return lambda *consumers: monkeypatch.setattr(relay, "consumers", lambda: consumers)


@pytest.fixture
def running():
    """Start relays in threads; they are stopped at the end."""
    started = []

    def start():
        one = Relay()
        thread = threading.Thread(target=lambda: (one.run(), connection.close()), daemon=True)
        thread.start()
        started.append((one, thread))
        return one, thread

    yield start
    for one, thread in started:
        one.stopping.set()
        thread.join(10)
        assert not thread.is_alive()


def left():
    return PendingEvent.objects.count()


class TestOneLook:
    def test_hands_over_what_was_published_whole_and_in_order(self, consume):
        seen = []
        consume(seen.extend)
        publish(1, text="ü")
        publish(2, stream=OTHER)
        publish(3)
        assert relay_once() == 3
        assert [(one.stream, one.seq) for one in seen] == [(STREAM, 1), (OTHER, 1), (STREAM, 2)]
        stored = Event.objects.get(stream=STREAM, seq=1)
        assert (seen[0].id, seen[0].type, seen[0].created_at) == (stored.pk, "sample.happened", stored.created_at)
        assert seen[0].payload == '{"text": "ü", "number": 1}'.encode()
        assert relay_once() == 0
        assert left() == 0

    def test_without_events_no_consumer_is_called(self, consume):
        consume(lambda found: pytest.fail("called without events"))
        assert relay_once() == 0

    def test_takes_so_many_at_a_time_the_oldest_first(self, consume):
        seen = []
        consume(lambda found: seen.append([one.seq for one in found]))
        publish_many(5)
        assert [relay_once(2) for _ in range(4)] == [2, 2, 1, 0]
        assert seen == [[1, 2], [3, 4], [5]]

    def test_each_consumer_gets_each_event(self, consume):
        first, second = [], []
        consume(first.extend, second.extend)
        publish_many(3)
        relay_once()
        assert [one.seq for one in first] == [one.seq for one in second] == [1, 2, 3]

    def test_a_rolled_back_event_reaches_nobody(self, consume):
        seen = []
        consume(seen.extend)
        with pytest.raises(Undo), transaction.atomic():
            events.publish(Happened(1), stream=STREAM)
            raise Undo
        relay_once()
        assert seen == []

    def test_a_failing_consumer_loses_nothing_and_undoes_the_others(self, consume, taken):
        def fail(found):
            raise Undo

        publish_many(3)
        consume(write, fail)
        with pytest.raises(Undo):
            relay_once()
        assert (taken(), left()) == ([], 3)
        consume(write)
        assert relay_once() == 3
        assert taken() == [(STREAM, 1), (STREAM, 2), (STREAM, 3)]

    def test_what_is_past_retention_is_let_go(self, consume):
        seen = []
        consume(seen.extend)
        publish_many(2)
        Event.objects.filter(seq=1).delete()
        assert relay_once() == 1
        assert [one.seq for one in seen] == [2]
        assert left() == 0

    def test_the_consumers_are_what_the_apps_declare(self):
        from webhooks import fanout

        assert fanout.consume in relay.consumers()


class TestSeveral:
    def test_two_share_the_work_each_event_once(self, consume, taken):
        for number in range(60):
            publish(number, stream=STREAM if number % 2 else OTHER)

        def slowly(found):
            write(found)
            time.sleep(0.01)

        consume(slowly)

        def drain():
            count = 0
            while took := relay_once(5):
                count += took
            return count

        counts = in_threads(drain, drain, drain, seconds=60)
        assert sum(counts) == 60
        assert Counter(taken()) == Counter((name, seq) for name in (STREAM, OTHER) for seq in range(1, 31))
        assert left() == 0

    def test_one_that_holds_events_does_not_make_the_other_wait(self, consume, taken):
        publish_many(4)
        holds, go_on = threading.Event(), threading.Event()

        def slow(found):
            write(found)
            if found[0].seq == 1:
                holds.set()
                assert go_on.wait(20)

        consume(slow)

        def second():
            assert holds.wait(10)
            try:
                return relay_once(2)
            finally:
                go_on.set()

        assert in_threads(lambda: relay_once(2), second) == [2, 2]
        assert [seq for _, seq in taken()] == [1, 2, 3, 4]


class TestLoop:
    def test_an_event_is_handed_over_at_once(self, consume, taken, running, monkeypatch):
        # A sweep would find it too: here only the bell can.
        monkeypatch.setattr(relay, "SWEEP_SECONDS", 30.0)
        consume(write)
        one, _ = running()
        until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)
        time.sleep(0.2)
        began = time.monotonic()
        publish()
        until(lambda: taken() == [(STREAM, 1)])
        assert time.monotonic() - began < 2
        one.stopping.set()
        client().publish(BELL, b"1")

    def test_what_was_never_announced_is_found_by_the_sweep(self, consume, taken, running, monkeypatch):
        consume(write)
        with monkeypatch.context() as patch:
            patch.setattr("events.announcing.send", lambda *args, **kwargs: None)
            running()
            until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)
            publish()
            until(lambda: taken() == [(STREAM, 1)])

    def test_with_redis_away_it_looks_each_second(self, consume, taken, running, monkeypatch):
        consume(write)
        lost = lost_redis()
        with monkeypatch.context() as patch:
            patch.setattr(relay, "client", lambda: lost)
            running()
            publish()
            until(lambda: taken() == [(STREAM, 1)])
        # And hears the bell again when Redis is back.
        until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)

    def test_redis_that_drops_the_connection_is_subscribed_to_again(self, consume, taken, running):
        consume(write)
        running()
        until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)
        cut_subscriptions()
        publish()
        until(lambda: taken() == [(STREAM, 1)])
        until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)

    def test_a_lost_connection_to_postgresql_is_survived(self, consume, taken, running):
        backends = []

        def note(found):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backends.append(cursor.fetchone()[0])
                if len(backends) == 1:
                    # Its own session, in the middle of the transaction.
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            write(found)

        consume(note)
        running()
        publish()
        until(lambda: taken() == [(STREAM, 1)], seconds=15)
        assert len(set(backends)) == 2

    def test_a_consumer_that_fails_for_a_while_delays_and_loses_nothing(self, consume, taken, running, caplog):
        attempts = []

        def recover(found):
            attempts.append(len(found))
            if len(attempts) < 3:
                raise Undo
            write(found)

        consume(recover)
        publish_many(3)
        running()
        until(lambda: len(taken()) == 3, seconds=15)
        assert attempts == [3, 3, 3]
        assert "A consumer of events failed" in caplog.text

    def test_an_event_that_no_consumer_can_take_holds_back_nobody_and_is_tried_again(
        self, consume, taken, running, monkeypatch, caplog
    ):
        healed = threading.Event()
        monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.05)
        monkeypatch.setattr(relay, "ASIDE_SECONDS", 1.0)

        def choke(found):
            write(found)
            if any(one.seq == 3 for one in found) and not healed.is_set():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 'no number'::int")

        consume(choke)
        publish_many(6)
        running()
        until(lambda: [seq for _, seq in taken()] == [1, 2, 4, 5, 6], seconds=15)
        publish()
        until(lambda: taken()[-1] == (STREAM, 7), seconds=15)
        assert left() == 1
        assert f"Event {PendingEvent.objects.get().event_id} could not be handed over" in caplog.text
        healed.set()
        until(lambda: [seq for _, seq in taken()] == [1, 2, 3, 4, 5, 6, 7], seconds=15)

    def test_a_consumer_that_fails_for_every_event_is_not_tried_with_each(self, consume, running, monkeypatch, caplog):
        calls = []
        monkeypatch.setattr(relay, "SWEEP_SECONDS", 0.05)

        def fail(found):
            calls.append(len(found))
            raise Undo

        consume(fail)
        publish_many(50)
        one, thread = running()
        until(lambda: calls.count(1) >= relay.MAX_FAILURES, seconds=15)
        until(lambda: calls[3 + relay.MAX_FAILURES :], seconds=15)
        one.stopping.set()
        thread.join(10)
        assert calls[: 4 + relay.MAX_FAILURES] == [50] * 3 + [1] * relay.MAX_FAILURES + [50]
        assert left() == 50

    def test_it_stops_when_told_with_work_left_or_without(self, consume, running):
        consume(lambda found: time.sleep(0.05))
        publish_many(2)
        one, thread = running()
        one.stopping.set()
        thread.join(5)
        assert not thread.is_alive()


KILLED = """
import os, sys, time
import django
django.setup()
from django.db import connection
from events import relay

def consume(found):
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO {table} (event_id, stream, seq) VALUES (%s, %s, %s)", [(one.id, one.stream, one.seq) for one in found]
        )
    print("holding", len(found), flush=True)
    # The first batches are committed, the next is held until somebody kills the process.
    time.sleep(0 if found[-1].seq <= {quick} else 60)

relay.consumers = lambda: (consume,)
while relay.relay_once(3):
    print("committed", flush=True)
"""


def relay_process(*, quick):
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    if database["PASSWORD"]:
        url = url.replace("@", f":{database['PASSWORD']}@", 1)
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    script = textwrap.dedent(KILLED).format(table=TAKEN, quick=quick)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_relay_killed_between_taking_and_committing_loses_nothing_and_doubles_nothing(consume, taken):
    publish_many(9)
    process = relay_process(quick=0)
    try:
        assert process.stdout.readline() == "holding 3\n"
        assert taken() == [], "not before the commit"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    until(lambda: _free_to_take() == 9)
    consume(write)
    while relay_once(4):
        continue
    assert [seq for _, seq in taken()] == list(range(1, 10))


def test_a_relay_killed_after_a_commit_leaves_the_rest(consume, taken):
    publish_many(9)
    process = relay_process(quick=3)
    try:
        while process.stdout.readline() != "committed\n":
            continue
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    until(lambda: _free_to_take() == 6)
    assert [seq for _, seq in taken()] == [1, 2, 3]
    consume(write)
    while relay_once(4):
        continue
    assert [seq for _, seq in taken()] == list(range(1, 10))


def _free_to_take():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM events_pendingevent FOR UPDATE SKIP LOCKED")
        return len(cursor.fetchall())
