"""Resuming by `since`: everything that was missed, or a clear word that it cannot be had; never a part."""

from typing import Any

import pytest
from django.db import connection

from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play
from config.tests.realtime_client import Client
from events.hub.feed import RING_FRAMES
from events.hub.hub import RECOVER_EVENTS
from events.tests.support import forget, publish, publish_many, stored


async def resume(client: Client, person: Person, since: int, **position: Any) -> dict[str, Any]:
    """What a subscription at `since` is answered."""
    found: dict[str, Any] = (await client.subscribe(**{person.stream: {"since": since, **position}}))[person.stream]
    return found


def begin(realtime: RealtimeProcess, person: Person, since: int, **position: Any) -> dict[str, Any]:
    """The same on a connection of its own."""

    async def scenario() -> dict[str, Any]:
        async with await realtime.connect(person.token) as client:
            return await resume(client, person, since, **position)

    return play(scenario())


def test_what_was_missed_is_answered_whole_from_the_database(realtime: RealtimeProcess, person: Person) -> None:
    """Nobody followed before: the process has nothing of it in memory."""
    since = person.head()
    publish_many(400, stream=person.stream)

    found = begin(realtime, person, since.seq, epoch=since.epoch)

    assert (found["recovered"], found["epoch"], found["seq"]) == (True, since.epoch, since.seq + 400)
    assert [(event["seq"], event["d"]["number"]) for event in found["events"]] == [
        (seq, number) for seq, number in stored(person.stream) if seq > since.seq
    ]


def test_what_was_missed_is_answered_from_memory_when_it_is_there(realtime: RealtimeProcess, person: Person) -> None:
    """The rows are gone by then, so only the ring can have told it."""

    async def scenario() -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            await aside(publish_many, RING_FRAMES + 10, stream=person.stream)
            live = await client.frames(RING_FRAMES + 10)
            await aside(forget, person.stream, live[-1]["seq"])
            known = await resume(client, person, live[9]["seq"], epoch=start["epoch"])
            unknown = await resume(client, person, live[8]["seq"], epoch=start["epoch"])
            return live, known, unknown

    live, known, unknown = play(scenario())
    assert known["recovered"] is True
    assert known["events"] == live[10:]
    assert unknown["recovered"] is False
    assert "events" not in unknown


def test_memory_and_database_tell_the_same(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            for number in range(5):
                await aside(publish, number, stream=person.stream, text='ä\u2028"\\\u0001 😀')
            live = await client.frames(5)
            from_ring = (await resume(client, person, start["seq"]))["events"]
            assert from_ring == live
        # Of this one the process has only the head in memory after it was told a place before the ring.
        await aside(publish_many, RING_FRAMES, stream=person.stream)
        async with await realtime.connect(person.token) as client:
            both = (await resume(client, person, start["seq"]))["events"]
            # What this process has not heard of at that moment comes live.
            both += await client.frames(5 + RING_FRAMES - len(both))
            assert both[:5] == live
            assert [event["seq"] - start["seq"] for event in both] == list(range(1, 6 + RING_FRAMES))

    play(scenario())


def test_nothing_missed_is_an_empty_recovery(realtime: RealtimeProcess, person: Person) -> None:
    head = person.head()

    found = begin(realtime, person, head.seq, epoch=head.epoch)

    assert found == {"recovered": True, "epoch": head.epoch, "seq": head.seq, "events": []}


@pytest.mark.parametrize("ahead", [1, 1000, 2**53])
def test_a_position_ahead_of_the_stream_is_not_recovered(realtime: RealtimeProcess, person: Person, ahead: int) -> None:
    head = person.head()

    found = begin(realtime, person, min(2**53, head.seq + ahead), epoch=head.epoch)

    assert found == {"recovered": False, "epoch": head.epoch, "seq": head.seq}


def test_another_epoch_is_not_recovered(realtime: RealtimeProcess, person: Person) -> None:
    head = person.head()

    for epoch in ("elsewhere", "", "0" * 64):
        found = begin(realtime, person, head.seq, epoch=epoch)
        assert found == {"recovered": False, "epoch": head.epoch, "seq": head.seq}


def test_too_far_behind_is_not_recovered_and_the_bound_is_exact(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq
    publish_many(RECOVER_EVENTS + 1, stream=person.stream)

    assert begin(realtime, person, since)["recovered"] is False
    found = begin(realtime, person, since + 1)
    assert [event["seq"] for event in found["events"]] == list(range(since + 2, since + 2 + RECOVER_EVENTS))


def test_more_bytes_than_the_bound_are_not_recovered(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq
    for number in range(40):
        publish(number, stream=person.stream, text="x" * 30_000)

    assert begin(realtime, person, since)["recovered"] is False
    assert len(begin(realtime, person, since + 10)["events"]) == 30


def test_events_past_retention_are_not_recovered_in_part(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq
    publish_many(20, stream=person.stream)
    forget(person.stream, since + 5)

    assert begin(realtime, person, since + 4)["recovered"] is False
    assert [event["seq"] for event in begin(realtime, person, since + 5)["events"]] == list(range(since + 6, since + 21))


def test_after_an_unrecovered_answer_the_subscription_still_follows_from_the_told_head(
    realtime: RealtimeProcess, person: Person
) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            told = await resume(client, person, 10_000)
            await aside(publish, stream=person.stream)
            assert (await client.frame())["seq"] == told["seq"] + 1

    play(scenario())


def test_a_new_epoch_is_told_to_those_who_follow_and_they_can_go_on(realtime: RealtimeProcess, person: Person) -> None:
    """As after a restore: the stream's epoch changes and its seq goes back."""

    def restore() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_stream SET epoch = 'restored', seq = 1000 WHERE key = %s", [person.stream])

    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            await aside(restore)
            told = await client.frame()
            assert told == {"t": "reset", "s": person.stream, "epoch": "restored", "seq": 1000}
            await aside(publish, stream=person.stream)
            assert (await client.frame())["seq"] == 1001
            old = await resume(client, person, start["seq"], epoch=start["epoch"])
            assert (old["recovered"], old["epoch"]) == (False, "restored")
            new = await resume(client, person, 1000, epoch="restored")
            assert [event["seq"] for event in new["events"]] == [1001]

    play(scenario())
