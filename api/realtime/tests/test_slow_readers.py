"""A client that does not read is let go; it delays nobody, and what it is owed does not pile up in memory."""

import asyncio
import socket
import time

from django.db import transaction

from api.realtime.choices import QUEUE_BYTES
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play
from config.tests.realtime_client import Client
from events.tests.support import publish

TEXT = "x" * 20_000
EVENTS = 400


def small_socket(port: int) -> socket.socket:
    """A connection whose kernel takes little: what the peer sends waits on the peer's side."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", port))
    plain.setblocking(False)
    return plain


async def open_stalling(realtime: RealtimeProcess, person: Person) -> Client:
    """A subscribed client that stops reading its socket."""
    client = await Client.open(realtime.port, person.token, sock=small_socket(realtime.port), max_queue=1)
    await client.subscribe(**{person.stream: {}})
    client.socket.transport.pause_reading()
    return client


def publish_megabytes(person: Person) -> None:
    for number in range(EVENTS):
        publish(number, stream=person.stream, text=TEXT)


def publish_at_once(person: Person) -> None:
    with transaction.atomic():
        publish_megabytes(person)


def test_a_stalled_reader_is_closed_and_others_get_everything_in_bounded_memory(
    realtime: RealtimeProcess, person: Person
) -> None:
    async def scenario() -> None:
        stalled = [await open_stalling(realtime, person) for _ in range(3)]
        async with await realtime.connect(person.token) as reader:
            await reader.subscribe(**{person.stream: {}})
            before = realtime.memory()
            publishing = asyncio.create_task(aside(publish_megabytes, person))
            worst = 0.0
            for number in range(EVENTS):
                frame = await reader.frame()
                assert frame["d"]["number"] == number
                worst = max(worst, time.time() - frame["ts"] / 1000)
            await publishing
            grown = realtime.memory() - before
        # 8 MB were owed to each of the three: at most the bound of each was kept, until it was let go.
        assert grown < 3 * QUEUE_BYTES + 16 * 1024 * 1024, f"{grown} bytes more"
        assert worst < 2.0
        for client in stalled:
            client.socket.transport.resume_reading()
        assert {await client.closed() for client in stalled} <= {4408, 1006}

    play(scenario())


def test_a_stalled_reader_that_wakes_up_soon_gets_what_waited_and_the_code(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        stalled = await open_stalling(realtime, person)
        start = (await aside(person.head)).seq
        # One commit: all of it comes at once, and the server still waits for the closing handshake when the client wakes.
        await aside(publish_at_once, person)
        await asyncio.sleep(1.0)
        stalled.socket.transport.resume_reading()
        assert await stalled.closed() == 4408
        seqs = [frame["seq"] for frame in stalled.left]
        assert seqs == list(range(start + 1, start + 1 + len(seqs)))
        assert len(seqs) < EVENTS
        # Nothing is lost: the rest is had where it stopped, or later.
        since = max(start + len(seqs), start + EVENTS - 20)
        async with await realtime.connect(person.token) as client:
            answer = (await client.subscribe(**{person.stream: {"since": since}}))[person.stream]
            assert [event["seq"] for event in answer["events"]] == list(range(since + 1, start + EVENTS + 1))

    play(scenario())


def test_a_pause_shorter_than_the_bound_costs_nothing(realtime: RealtimeProcess, person: Person) -> None:
    def some() -> None:
        for number in range(40):
            publish(number, stream=person.stream, text=TEXT)

    async def scenario() -> None:
        client = await open_stalling(realtime, person)
        await aside(some)
        await asyncio.sleep(0.5)
        client.socket.transport.resume_reading()
        assert [frame["d"]["number"] for frame in await client.frames(40)] == list(range(40))
        assert (await client.call("ping"))["ok"]
        await client.close()

    play(scenario())


def test_a_client_that_asks_for_much_and_reads_nothing_is_let_go(realtime: RealtimeProcess, person: Person) -> None:
    """Answers are bounded like events: asking again and again without reading ends the connection."""

    def some() -> None:
        for number in range(30):
            publish(number, stream=person.stream, text=TEXT)

    async def scenario() -> None:
        start = (await aside(person.head)).seq
        await aside(some)
        client = await open_stalling(realtime, person)
        before = realtime.memory()
        for number in range(50):
            await client.say({"id": number, "t": "sub", "streams": {person.stream: {"since": start}}})
        await asyncio.sleep(1.5)
        assert realtime.memory() - before < 16 * 1024 * 1024
        client.socket.transport.resume_reading()
        assert await client.closed() == 4408

    play(scenario())
