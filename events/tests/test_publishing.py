"""`publish`: in order and gapless whatever rolls back or runs beside it, in the caller's transaction or not at all."""

import random
import threading
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError

import events
from core.redis import breaker
from core.tests.support import lost_redis
from events import selectors
from events.announcing import channel
from events.models import Event, LogState, PendingEvent, Stream
from events.publishing import MAX_PAYLOAD_BYTES, MAX_WAITING_BYTES, MAX_WAITING_EVENTS
from events.tests.support import BELL, OTHER, STREAM, Happened, in_threads, listening, publish, publish_many, stored


class Undo(Exception):
    """Rolls a transaction back."""


@pytest.mark.django_db
class TestOne:
    def test_it_is_stored_with_its_place_and_waits_for_the_relay(self):
        position = publish(7, text="hello")
        assert position == events.Position(LogState.objects.get().epoch, 1)
        event = Event.objects.get(stream=STREAM)
        assert (event.seq, event.type, event.payload) == (1, "sample.happened", {"number": 7, "text": "hello"})
        pending = PendingEvent.objects.get(stream=STREAM)
        assert (pending.event_id, pending.seq, pending.created_at) == (event.pk, 1, event.created_at)
        assert selectors.head(STREAM) == (position.epoch, 1)

    def test_each_stream_counts_for_itself(self):
        assert [publish(stream=name).seq for name in (STREAM, OTHER, STREAM, STREAM, OTHER)] == [1, 1, 2, 3, 2]

    def test_an_epoch_stays_with_its_stream(self):
        publish()
        Stream.objects.filter(key=STREAM).update(epoch="restored")
        assert publish() == events.Position("restored", 2)
        assert publish(stream=OTHER).epoch == LogState.objects.get().epoch

    def test_text_of_any_language_survives(self):
        text = '\U0001f600 ümlaut \u2028 "quoted" \\ % %s {}'
        publish(text=text)
        assert Event.objects.get(stream=STREAM).payload["text"] == text

    def test_what_the_database_cannot_keep_is_refused_with_the_change(self):
        with pytest.raises(DataError), transaction.atomic():
            events.publish(Happened(1, "a\0b"), stream=STREAM)
        with pytest.raises(DataError), transaction.atomic():
            events.publish(Happened(1), stream="user:" + "x" * 96)
        assert stored() == []

    def test_half_a_character_is_refused(self):
        with pytest.raises(TypeError), transaction.atomic():
            events.publish(Happened(1, "\ud800"), stream=STREAM)

    def test_the_largest_payload_is_taken_and_one_byte_more_refused(self):
        room = MAX_PAYLOAD_BYTES - len(orjson.dumps(Happened(1)))
        assert publish(text="x" * room).seq == 1
        with pytest.raises(ValueError, match="65536 are allowed"):
            publish(text="x" * (room + 1))
        assert [seq for seq, _ in stored()] == [1]

    def test_what_is_not_in_the_catalogue_is_refused(self):
        @dataclass(frozen=True)
        class Stranger:
            number: int = 1

        for thing in (Stranger(), {"number": 1}, None):
            with pytest.raises(TypeError, match="not in the catalogue"), transaction.atomic():
                events.publish(thing, stream=STREAM)
        assert selectors.head(STREAM).seq == 0

    def test_after_an_error_in_the_transaction_it_is_refused(self):
        with pytest.raises(Undo), transaction.atomic():
            with pytest.raises(DataError), transaction.atomic(savepoint=False), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            with pytest.raises(TransactionManagementError):
                events.publish(Happened(1), stream=STREAM)
            raise Undo
        assert stored() == []


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_outside_of_one_it_is_refused(self):
        with listening(channel(STREAM)) as heard:
            with pytest.raises(TransactionManagementError, match="the transaction of the change"):
                events.publish(Happened(1), stream=STREAM)
            assert heard() == []
        assert stored() == []

    def test_a_rollback_takes_everything_along_and_leaves_no_gap(self):
        publish(1)
        with listening(channel(STREAM), BELL) as heard:
            with pytest.raises(Undo), transaction.atomic():
                publish_many(5)
                raise Undo
            assert heard() == []
        assert publish(2).seq == 2
        assert stored() == [(1, 1), (2, 2)]
        assert PendingEvent.objects.filter(stream=STREAM).count() == 2

    def test_a_stream_that_began_in_a_rollback_begins_again(self):
        with pytest.raises(Undo), transaction.atomic():
            publish(1)
            raise Undo
        assert selectors.head(STREAM).seq == 0
        assert publish(2).seq == 1

    def test_nothing_is_announced_before_the_commit_and_then_at_once(self):
        with listening(channel(STREAM), BELL) as heard:
            with transaction.atomic():
                position = events.publish(Happened(3, "hi"), stream=STREAM)
                assert heard() == []
            (where, message), bell = heard()
        assert where == channel(STREAM)
        assert bell == (BELL, b"1")
        epoch, seq, frame = message.split(b" ", 2)
        assert (epoch.decode(), int(seq)) == (position.epoch, 1)
        event = Event.objects.get(stream=STREAM)
        told = orjson.loads(frame)
        assert told == {
            "t": "sample.happened",
            "s": STREAM,
            "seq": 1,
            "ts": int(event.created_at.timestamp() * 1000),
            "id": str(event.pk),
            "d": {"number": 3, "text": "hi"},
        }
        assert orjson.loads(selectors.after(STREAM, 0, limit=1)[0].frame()) == told

    def test_a_savepoint_that_is_rolled_back_announces_nothing_and_leaves_no_gap(self):
        with listening(channel(STREAM)) as heard:
            with transaction.atomic():
                events.publish(Happened(1), stream=STREAM)
                with pytest.raises(Undo), transaction.atomic():
                    events.publish(Happened(2), stream=STREAM)
                    with transaction.atomic():
                        events.publish(Happened(3), stream=STREAM)
                    raise Undo
                with transaction.atomic():
                    events.publish(Happened(4), stream=STREAM)
                events.publish(Happened(5), stream=STREAM)
            frames = [orjson.loads(message.split(b" ", 2)[2]) for _, message in heard()]
        assert [(frame["seq"], frame["d"]["number"]) for frame in frames] == [(1, 1), (2, 4), (3, 5)]
        assert stored() == [(1, 1), (2, 4), (3, 5)]

    def test_a_transaction_that_publishes_much_keeps_little_of_it_waiting(self):
        with transaction.atomic():
            for number in range(MAX_WAITING_EVENTS * 2 + 1):
                last = events.publish(Happened(number), stream=STREAM)
            assert [seq for seq, _ in stored()] == list(range(1, MAX_WAITING_EVENTS * 2 + 1))
        assert last.seq == MAX_WAITING_EVENTS * 2 + 1
        with transaction.atomic():
            for number in range(MAX_WAITING_BYTES // 60_000 + 1):
                events.publish(Happened(number, "x" * 60_000), stream=OTHER)
            assert len(stored(OTHER)) == MAX_WAITING_BYTES // 60_000 + 1

    def test_asking_for_a_place_inside_a_savepoint_that_is_rolled_back_keeps_what_was_before_it(self):
        with transaction.atomic():
            before = events.publish(Happened(1), stream=STREAM)
            with pytest.raises(Undo), transaction.atomic():
                assert events.publish(Happened(2), stream=STREAM).seq == 2
                raise Undo
            events.publish(Happened(3), stream=STREAM)
        assert before.seq == 1
        assert stored() == [(1, 1), (2, 3)]

    def test_a_place_that_was_not_asked_for_before_the_rollback_does_not_exist(self):
        with pytest.raises(Undo), transaction.atomic():
            lost = events.publish(Happened(1), stream=STREAM)
            raise Undo
        with pytest.raises(TransactionManagementError, match="rolled back"):
            assert lost.seq
        assert stored() == []

    def test_when_writing_breaks_off_at_the_commit_nothing_is_committed_and_the_connection_goes_on(self, monkeypatch):
        def break_off(*args, **kwargs):
            raise Undo

        with monkeypatch.context() as patch, listening(channel(STREAM)) as heard:
            patch.setattr("events.publishing.uuid7_text", break_off)
            with pytest.raises(Undo), transaction.atomic():
                Stream.objects.create(key="user:beside", epoch="e", seq=1)
                events.publish(Happened(1), stream=STREAM)
            assert heard() == []
        assert not Stream.objects.filter(key__in=[STREAM, "user:beside"]).exists()
        assert stored() == []
        assert publish(2).seq == 1

    def test_what_a_transaction_publishes_is_one_statement_however_much(self, django_assert_num_queries):
        # Begin; the statement, which commits.
        publish(1)
        with django_assert_num_queries(2), transaction.atomic():
            for number in range(50):
                events.publish(Happened(number), stream=STREAM if number % 3 else OTHER)
        assert [number for _, number in stored(OTHER)] == list(range(0, 50, 3))

    def test_the_announcements_of_a_transaction_take_one_exchange_with_redis_and_the_bell_one(self, monkeypatch):
        exchanges = []
        call = breaker().call
        monkeypatch.setattr(breaker(), "call", lambda operation: exchanges.append(1) or call(operation))
        with listening(channel(STREAM), channel(OTHER), BELL) as heard:
            with transaction.atomic():
                for number in range(20):
                    events.publish(Happened(number), stream=STREAM if number % 2 else OTHER)
            assert len(exchanges) == 2
            found = [where for where, _ in heard()]
        assert found.count(channel(STREAM)) == found.count(channel(OTHER)) == 10
        assert found.count(BELL) == 1

    def test_with_redis_away_nothing_else_changes(self, monkeypatch):
        publish(1)
        with monkeypatch.context() as patch:
            lost = lost_redis()
            patch.setattr("core.redis.client", lambda: lost)
            assert publish(2).seq == 2
            publish_many(3)
            events.publish_ephemeral("typing", {}, stream=STREAM)
        breaker()._away_until = 0.0
        assert [seq for seq, _ in stored()] == [1, 2, 3, 4, 5]
        assert PendingEvent.objects.filter(stream=STREAM).count() == 5

    def test_an_ephemeral_frame_is_kept_nowhere(self):
        with listening(channel(STREAM), BELL) as heard:
            events.publish_ephemeral("typing", {"user": UUID(int=1)}, stream=STREAM)
            ((_, message),) = heard()
        epoch, seq, frame = message.split(b" ", 2)
        assert (epoch, seq) == (b"-", b"0")
        assert orjson.loads(frame) == {"t": "typing", "s": STREAM, "d": {"user": str(UUID(int=1))}}
        assert not Stream.objects.filter(key=STREAM).exists()
        assert stored() == []


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_many_writers_make_a_stream_without_gaps_in_the_order_of_commits(self):
        committed = []
        lock = threading.Lock()

        def write(seed):
            chance = random.Random(seed)
            for number in range(15):
                try:
                    with transaction.atomic():
                        position = events.publish(Happened(number), stream=STREAM)
                        if chance.random() < 0.3:
                            raise Undo
                        if chance.random() < 0.3:
                            position = events.publish(Happened(number), stream=STREAM)
                        # The row is locked until the commit, so this is the order of commits.
                        with lock:
                            committed.append(position.seq)
                except Undo:
                    continue

        assert in_threads(*[lambda seed=seed: write(seed) for seed in range(4)], seconds=60) == [None] * 4
        seqs = [seq for seq, _ in stored()]
        assert seqs == list(range(1, len(seqs) + 1))
        assert committed == sorted(committed)
        assert len(seqs) > 30
        assert selectors.head(STREAM).seq == len(seqs)

    def test_the_first_events_of_a_stream_by_many_at_once_are_numbered_from_one(self):
        for _ in range(5):
            name = f"user:{uuid4()}"
            together = threading.Barrier(4)

            def first(name=name, together=together):
                with transaction.atomic():
                    together.wait(10)
                    return events.publish(Happened(1), stream=name).seq

            assert sorted(in_threads(*[first] * 4)) == [1, 2, 3, 4]

    def test_a_slow_transaction_does_not_keep_others_from_the_stream(self):
        published, done = threading.Event(), threading.Event()

        def slow():
            with transaction.atomic():
                mine = events.publish(Happened(1), stream=STREAM)
                published.set()
                assert done.wait(10), "the other waited for a transaction that had published and not ended"
            return mine.seq

        def quick():
            assert published.wait(10)
            seq = publish(2).seq
            done.set()
            return seq

        assert in_threads(slow, quick) == [2, 1]
        assert stored() == [(1, 2), (2, 1)]

    def test_publishing_to_two_streams_in_opposite_orders_never_deadlocks(self):
        def write(names):
            for number in range(40):
                with transaction.atomic():
                    for name in names:
                        events.publish(Happened(number), stream=name)

        pair = (STREAM, OTHER)
        works = [lambda names=names: write(names) for names in (pair, pair[::-1]) * 2]
        assert in_threads(*works, seconds=60) == [None] * 4
        assert selectors.head(STREAM).seq == selectors.head(OTHER).seq == 160

    def test_a_reader_never_sees_a_later_event_without_the_earlier_ones(self):
        done = threading.Event()

        def write():
            for number in range(40):
                with transaction.atomic():
                    publish(number)
                    publish(number)

        def read():
            looks = 0
            while not done.is_set() or looks == 0:
                head = selectors.head(STREAM).seq
                found = [event.seq for event in selectors.after(STREAM, 0, limit=1000)]
                assert found == list(range(1, len(found) + 1))
                assert len(found) >= head, "the head is never ahead of its events"
                looks += 1
            return looks

        def writers():
            try:
                return in_threads(write, write, seconds=60)
            finally:
                done.set()

        results = in_threads(writers, read, seconds=90)
        assert results[0] == [None, None]
        assert isinstance(results[1], int), results[1]
        assert len(stored()) == 160

    def test_streams_do_not_wait_for_each_other(self):
        first_has_published, second_is_done = threading.Event(), threading.Event()

        def slow():
            with transaction.atomic():
                events.publish(Happened(1), stream=STREAM)
                first_has_published.set()
                assert second_is_done.wait(10), "the other stream waited for this one's commit"

        def quick():
            assert first_has_published.wait(10)
            publish(stream=OTHER)
            second_is_done.set()

        publish(stream=STREAM)
        publish(stream=OTHER)
        assert in_threads(slow, quick) == [None, None]
