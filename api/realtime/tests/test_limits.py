"""What one client may take: connections, commands, time for the handshake; and which pages may connect."""

import asyncio
import contextlib
import time

import pytest
from websockets.exceptions import ConnectionClosed

from api.realtime.choices import COMMAND_BURST, COMMANDS_PER_SECOND
from api.realtime.protocol import HANDSHAKE_SECONDS
from api.realtime.tests.conftest import SOCKETS_PER_USER, Person
from api.realtime.tests.process import ORIGIN, RealtimeProcess, aside, play
from config.tests.realtime_client import Client
from events.tests.support import publish


async def knock(realtime: RealtimeProcess, token: str) -> Client | int:
    """An authenticated socket, or the code it was closed with."""
    client = await Client.open(realtime.port)
    answer = await client.call("auth", token=token)
    if answer["ok"]:
        return client
    assert answer["err"] | {"message": ""} == {
        "code": "too_many_connections",
        "message": "",
        "temporary": True,
        "retry_ms": 5000,
    }
    return await client.closed()


def test_one_connection_more_than_a_person_may_have_is_closed_and_the_others_stay(
    realtime: RealtimeProcess, person: Person, outsider: Person
) -> None:
    async def scenario() -> None:
        mine = [await realtime.connect(person.token) for _ in range(SOCKETS_PER_USER)]
        assert await knock(realtime, person.token) == 4409
        assert await knock(realtime, person.key.raw) == 4409
        async with await realtime.connect(outsider.token):
            pass
        for client in mine:
            assert (await client.call("ping"))["ok"]
        await mine.pop().close()
        again = await knock(realtime, person.token)
        assert isinstance(again, Client)
        for client in (*mine, again):
            await client.close()

    play(scenario())


def test_of_a_hundred_at_once_the_allowed_number_stays(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        found = await asyncio.gather(*(knock(realtime, person.token) for _ in range(100)))
        inside = [client for client in found if isinstance(client, Client)]
        assert len(inside) == SOCKETS_PER_USER
        assert [code for code in found if not isinstance(code, Client)] == [4409] * (100 - SOCKETS_PER_USER)
        for client in inside:
            await client.subscribe(**{person.stream: {}})
        await aside(publish, stream=person.stream)
        assert len({(await client.frame())["seq"] for client in inside}) == 1
        for client in inside:
            await client.close()
        # Their places are free again, all of them.
        more = [await realtime.connect(person.token) for _ in range(SOCKETS_PER_USER)]
        for client in more:
            await client.close()

    play(scenario())


def test_a_connection_that_vanishes_without_a_word_gives_its_place_back(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        for _ in range(3 * SOCKETS_PER_USER):
            client = await realtime.connect(person.token)
            await client.subscribe(**{person.stream: {}})
            client.socket.transport.abort()
            with contextlib.suppress(ConnectionClosed):
                await client.frame()
            await asyncio.sleep(0.02)
        async with await realtime.connect(person.token):
            pass

    play(scenario())


def test_commands_beyond_the_allowed_pace_are_refused_with_the_time_to_wait(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            began = time.monotonic()
            answers = await asyncio.gather(*(client.call("ping") for _ in range(3 * COMMAND_BURST)))
            seconds = time.monotonic() - began
            refused = [answer["err"] for answer in answers if not answer["ok"]]
            allowed = len(answers) - len(refused)
            assert COMMAND_BURST <= allowed <= COMMAND_BURST + COMMANDS_PER_SECOND * (seconds + 0.5)
            assert {error["code"] for error in refused} == {"rate_limited"}
            assert all(error["temporary"] and 0 < error["retry_ms"] <= 51 for error in refused)
            await asyncio.sleep(0.2)
            assert (await client.call("ping"))["ok"]

    play(scenario())


def test_a_handshake_that_never_ends_is_cut_off(realtime: RealtimeProcess) -> None:
    async def scenario() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", realtime.port)
        writer.write(b"GET /ws/v1/ HTTP/1.1\r\nHost: localhost\r\n")
        return await _drip(reader, writer)

    assert HANDSHAKE_SECONDS - 1 < play(scenario()) < HANDSHAKE_SECONDS + 4


def test_a_second_request_that_never_ends_is_cut_off_too(realtime: RealtimeProcess) -> None:
    async def scenario() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", realtime.port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /health/live HTTP/1.1\r\n")
        return await _drip(reader, writer)

    assert HANDSHAKE_SECONDS - 1 < play(scenario()) < HANDSHAKE_SECONDS + 4


def test_many_slow_handshakes_delay_nobody(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        slow = [await asyncio.open_connection("127.0.0.1", realtime.port) for _ in range(200)]
        for _, writer in slow:
            writer.write(b"GET /ws/v1/ HTTP/1.1\r\n")
        began = time.monotonic()
        async with await realtime.connect(person.token) as client:
            assert (await client.call("ping"))["ok"]
        assert time.monotonic() - began < 2
        for _, writer in slow:
            writer.close()

    play(scenario())


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """Send a byte now and then, as a slow-loris does; how long the server stood it."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        with contextlib.suppress(ConnectionError):
            writer.write(b"X-A: b\r\n")
            await writer.drain()
        try:
            async with asyncio.timeout(0.5):
                if not await reader.read(1):
                    break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    writer.close()
    return time.monotonic() - began


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "", "https://app.example.com.evil.example", "http://"])
def test_a_page_of_another_origin_is_refused_before_auth(realtime: RealtimeProcess, person: Person, origin: str) -> None:
    async def scenario() -> None:
        client = await Client.open(realtime.port, additional_headers={"Origin": origin})
        assert await client.closed() == 4403
        assert client.left == []

    play(scenario())


def test_pages_of_allowed_origins_the_same_host_and_programs_are_let_in(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        for origin in (ORIGIN, f"http://127.0.0.1:{realtime.port}", None):
            async with await realtime.connect(person.token, origin=origin) as client:
                assert (await client.call("ping"))["ok"]

    play(scenario())
