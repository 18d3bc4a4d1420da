"""The hub against real PostgreSQL and Redis: what is lost, doubled or out of order reaches nobody that way."""

import asyncio
import time
from typing import Any

import orjson
import pytest
from django.db import connection

import events
from core.redis import client
from events.announcing import announcement, channel
from events.hub import hub as hub_module
from events.hub.feed import RING_FRAMES
from events.hub.tests.support import (
    Listener,
    announce,
    aside,
    commit_silently,
    follow,
    hub_running,
    new_stream,
    play,
    until,
)
from events.tests.support import publish, publish_many

pytestmark = pytest.mark.django_db(transaction=True)


def test_announced_events_arrive_in_order() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(publish_many_on(stream, 700))
            await until(lambda: len(listener.frames) == 700)
            assert listener.seqs == list(range(1, 701))
            assert [told["d"]["number"] for told in listener.told] == list(range(1, 701))
            assert hub.delivered == 700

    play(scenario())


def publish_many_on(stream: str, count: int) -> Any:
    return lambda: publish_many(count, stream=stream)


def test_a_gap_is_filled_from_postgresql_in_about_200_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 60.0)

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            (_, first), _, (_, third) = await aside(commit_silently, stream, 3)
            await aside(announce, stream, first, third)
            await until(lambda: listener.seqs == [1])
            seconds = await until(lambda: listener.seqs == [1, 2, 3])
            assert 0.1 < seconds < 0.8

    play(scenario())


def test_the_first_announcement_after_a_lost_one_brings_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 60.0)

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(commit_silently, stream, 50)
            await asyncio.sleep(0.4)
            assert listener.seqs == []
            await aside(lambda: publish(stream=stream))
            await until(lambda: len(listener.frames) == 51, 2)
            assert listener.seqs == list(range(1, 52))

    play(scenario())


def test_what_comes_out_of_order_is_held_and_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 60.0)

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            found = [message for _, message in await aside(commit_silently, stream, 20)]
            began = time.monotonic()
            await aside(announce, stream, *reversed(found))
            await until(lambda: len(listener.frames) == 20)
            assert listener.seqs == list(range(1, 21))
            assert time.monotonic() - began < 10
            assert (await hub.open(stream)).held == {}

    play(scenario())


def test_duplicates_are_dropped() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            found = [message for _, message in await aside(commit_silently, stream, 10)]
            await aside(announce, stream, *found, *found, *(message for message in found for _ in range(3)))
            await until(lambda: len(listener.frames) == 10)
            await asyncio.sleep(0.5)
            assert listener.seqs == list(range(1, 11))

    play(scenario())


def test_a_lost_announcement_with_nothing_after_it_is_found_by_comparison() -> None:
    async def scenario() -> None:
        streams = [new_stream() for _ in range(20)]
        async with hub_running() as hub:
            listeners = [await follow(hub, stream) for stream in streams]
            for stream in streams:
                await aside(commit_silently, stream, 2)
            seconds = await until(lambda: all(listener.seqs == [1, 2] for listener in listeners), 10)
            assert seconds < hub_module.COMPARE_SECONDS + 2

    play(scenario())


def test_a_listener_cut_off_by_redis_comes_back_by_itself_and_misses_nothing() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            for number in range(5):
                await aside(lambda number=number: publish(number, stream=stream))
                await aside(cut_subscribers_off)
                await aside(lambda number=number: publish(number, stream=stream))
            await until(lambda: len(listener.frames) == 10, 10)
            assert listener.seqs == list(range(1, 11))
            await until(lambda: hub._listener.connected)
            # It listens again, rather than being found by comparison.
            await until(lambda: client().pubsub_numsub(channel(stream))[0][1] == 1)

    play(scenario())


def cut_subscribers_off() -> None:
    client().execute_command("CLIENT", "KILL", "TYPE", "pubsub")


def test_a_stream_opened_while_the_listener_connects_is_listened_to() -> None:
    """The list of streams to subscribe to is made before Redis answers; what is wanted meanwhile is added."""

    async def scenario() -> None:
        streams = [new_stream() for _ in range(40)]
        async with hub_running() as hub:
            for number, stream in enumerate(streams):
                if number % 8 == 0:
                    await aside(cut_subscribers_off)
                await follow(hub, stream)
                await asyncio.sleep(0.01)
            await until(lambda: hub._listener.connected, 10)
            names = [channel(stream) for stream in streams]
            await until(lambda: {count for _, count in client().pubsub_numsub(*names)} == {1}, 10)

    play(scenario())


def test_a_malformed_announcement_does_not_end_the_listener() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(announce, stream, b"", b"nonsense", b"a b c", b"\xff \xff \xff")
            await aside(lambda: publish(stream=stream))
            await until(lambda: listener.seqs == [1], 10)

    play(scenario())


def test_ephemeral_events_pass_and_do_not_move_the_stream() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(lambda: events.publish_ephemeral("typing", {"who": 1}, stream=stream))
            await aside(lambda: publish(stream=stream))
            await until(lambda: len(listener.frames) == 2)
            assert listener.seqs == [0, 1]
            assert (await hub.open(stream)).seq == 1

    play(scenario())


def test_a_new_epoch_resets_and_nothing_of_the_old_one_is_told_afterwards() -> None:
    def restore(stream: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_stream SET epoch = 'restored', seq = 1 WHERE key = %s", [stream])
            cursor.execute("DELETE FROM events_event WHERE stream = %s AND seq > 1", [stream])

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            found = await aside(commit_silently, stream, 6)
            await aside(announce, stream, *(message for seq, message in found if seq in {1, 2}))
            await until(lambda: listener.seqs == [1, 2])
            # Announced in the old epoch and never told, since the restore comes before the gap is filled.
            await aside(restore, stream)
            await aside(announce, stream, found[-1][1])
            await until(lambda: listener.seqs[-1] == 0, 10)
            assert listener.told[-1] == {"t": "reset", "s": stream, "epoch": "restored", "seq": 1}
            await aside(publish_many_on(stream, 8))
            await until(lambda: listener.seqs[-1] == 9)
            assert listener.seqs == [1, 2, 0, *range(2, 10)]
            assert [told["d"]["number"] for told in listener.told[3:]] == list(range(1, 9))

    play(scenario())


def test_an_announcement_of_another_epoch_alone_changes_nothing() -> None:
    """Redis pub/sub is shared by all databases of a server: a neighbour may publish on the same channel."""

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(announce, stream, announcement("neighbour", 1, b'{"t":"evil"}'))
            await aside(lambda: publish(stream=stream))
            await until(lambda: len(listener.frames) == 1)
            await asyncio.sleep(0.5)
            assert [told["t"] for told in listener.told] == ["sample.happened"]

    play(scenario())


def test_who_joins_later_gets_what_the_ring_holds_and_then_what_is_new() -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            first = await follow(hub, stream)
            await aside(publish_many_on(stream, RING_FRAMES + 20))
            await until(lambda: len(first.frames) == RING_FRAMES + 20)
            for since in (0, 19, 20, RING_FRAMES, RING_FRAMES + 20):
                late, feed = Listener(), await hub.open(stream)
                recovery = hub.join(feed, late, since, await hub.recover(feed, since, None))
                assert recovery.frames is not None
                assert [frame.seq for frame in recovery.frames] == list(range(since + 1, RING_FRAMES + 21))
                # JSON's keys may come in another order from the database.
                assert [orjson.loads(frame.text) for frame in recovery.frames] == first.told[since:]
                hub.leave(stream, late)

    play(scenario())


def test_a_stream_nobody_follows_is_closed_after_a_while_and_can_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "LINGER_SECONDS", 0.2)

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await asyncio.sleep(0.5)
            assert hub.streams == 1
            hub.leave(stream, listener)
            await until(lambda: hub.streams == 0)
            await until(lambda: client().pubsub_numsub(channel(stream))[0][1] == 0)
            again = await follow(hub, stream)
            await aside(lambda: publish(stream=stream))
            await until(lambda: again.seqs == [1])

    play(scenario())


def test_a_stream_that_lingered_is_not_closed_under_who_just_opened_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between `open` and `join` a caller reads the database; the stream must still be there afterwards."""
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "LINGER_SECONDS", 0.6)

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            hub.leave(stream, await follow(hub, stream))
            # Just before it would be closed.
            await asyncio.sleep(0.5)
            feed = await hub.open(stream)
            await asyncio.sleep(0.35)
            late = Listener()
            hub.join(feed, late, None, None)
            await aside(lambda: publish(stream=stream))
            await until(lambda: late.seqs == [1])

    play(scenario())


def test_comparison_goes_on_after_the_database_gave_an_unexpected_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while `manage.py flush` runs: the log has no epoch for a moment."""
    monkeypatch.setattr(hub_module, "COMPARE_SECONDS", 0.1)

    def without_epoch() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM events_logstate")

    def with_epoch() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO events_logstate (id, epoch) VALUES (1, 'again')")

    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            listener = await follow(hub, stream)
            await aside(without_epoch)
            await asyncio.sleep(0.5)
            await aside(with_epoch)
            await until(lambda: bool(listener.told) and listener.told[-1].get("epoch") == "again")
            await aside(commit_silently, stream, 3)
            await until(lambda: listener.seqs[-3:] == [1, 2, 3])

    play(scenario())
