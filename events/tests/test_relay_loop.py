"""The relay goes on, whatever fails or is away."""

import threading
import time

import pytest
from django.db import connection

from core.redis import client
from core.tests.support import lost_redis
from events import announcing, relay
from events.models import PendingEvent
from events.tests.support import BELL, STREAM, Undo, cut_subscriptions, left, publish, publish_many, until, write

pytestmark = pytest.mark.django_db(transaction=True)


class TestLoop:
    def test_an_event_is_handed_over_at_once(self, consume, taken, running, monkeypatch):
        # A sweep would find it too: here only the bell can.
        monkeypatch.setattr("core.dispatcher.SWEEP_SECONDS", 30.0)
        consume(write)
        running()
        until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)
        time.sleep(0.2)
        began = time.monotonic()
        publish()
        until(lambda: taken() == [(STREAM, 1)])
        assert time.monotonic() - began < 2

    def test_what_was_never_announced_is_found_by_the_sweep(self, consume, taken, running, monkeypatch):
        consume(write)
        with monkeypatch.context() as patch:
            patch.setattr("events.publishing.send", lambda *args: None)
            patch.setattr(announcing.BELL, "ring", lambda: None)
            running()
            until(lambda: client().pubsub_numsub(BELL)[0][1] == 1)
            publish()
            until(lambda: taken() == [(STREAM, 1)])

    def test_with_redis_away_it_looks_each_second(self, consume, taken, running, monkeypatch):
        consume(write)
        lost = lost_redis()
        with monkeypatch.context() as patch:
            patch.setattr("core.bell.client", lambda: lost)
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
