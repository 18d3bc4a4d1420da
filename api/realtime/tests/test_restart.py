"""SIGTERM: clients are told when to come back, then closed; what they miss waits for them in the next process."""

import asyncio
import signal
from pathlib import Path

from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play, timed
from events.tests.support import publish


def test_a_process_that_ends_says_restart_and_its_clients_resume_on_another(
    realtime: RealtimeProcess, person: Person, tmp_path: Path
) -> None:
    ending = RealtimeProcess(tmp_path / "log").wait_ready()

    async def scenario() -> None:
        clients = [await ending.connect(person.token) for _ in range(10)]
        for client in clients:
            await client.subscribe(**{person.stream: {}})
        await aside(publish, 1, stream=person.stream)
        last = [await client.frame() for client in clients]
        ending.terminate()
        for client in clients:
            told = await client.frame()
            assert told["t"] == "restart"
            assert 200 <= told["d"]["retry_ms"] < 3000
            assert await client.closed() == 4412
        await aside(publish, 2, stream=person.stream)
        async with await realtime.connect(person.token) as client:
            found = (await client.subscribe(**{person.stream: {"since": last[0]["seq"]}}))[person.stream]
            assert [event["d"]["number"] for event in found["events"]] == [2]

    try:
        play(scenario())
        # uvicorn restores the signal's own way to end once it has shut down.
        assert ending.wait(10) in {0, -signal.SIGTERM}
        assert "Traceback" not in ending.log()
    finally:
        ending.stop()


def test_a_client_that_does_not_answer_the_close_holds_nobody_up(person: Person, tmp_path: Path) -> None:
    ending = RealtimeProcess(tmp_path / "log").wait_ready()

    async def scenario() -> float:
        stuck = await ending.connect(person.token)
        stuck.socket.transport.pause_reading()
        ending.terminate()
        _, seconds = await timed(asyncio.to_thread(ending.wait, 20))
        stuck.socket.transport.abort()
        return seconds

    try:
        assert play(scenario()) < 12
    finally:
        ending.stop()


def test_two_processes_tell_the_same(realtime: RealtimeProcess, person: Person, tmp_path: Path) -> None:
    second = RealtimeProcess(tmp_path / "log").wait_ready()

    async def scenario() -> None:
        async with await realtime.connect(person.token) as here, await second.connect(person.token) as there:
            positions = [(await client.subscribe(**{person.stream: {}}))[person.stream] for client in (here, there)]
            assert positions[0] == positions[1]
            await aside(publish, 1, stream=person.stream)
            assert await here.frame() == await there.frame()

    try:
        play(scenario())
    finally:
        second.stop()
