"""The relay hands each committed event to each consumer once, also where several share the work."""

import threading
import time
from collections import Counter

import pytest
from django.db import transaction

import events
from events import relay
from events.models import Event
from events.relay import relay_once
from events.tests.support import OTHER, STREAM, Happened, Undo, in_threads, left, publish, publish_many, write

pytestmark = pytest.mark.django_db(transaction=True)


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
