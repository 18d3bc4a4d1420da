"""kill -9 of everything under a burst of events: every client has each seq exactly once, in order, once all is back."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from config.local.components import REALTIME_OPTIONS
from config.local.layout import PROJECT
from config.local.process import ChildSpec, free_port, spawn, stop
from config.tests.live import LiveProduct
from config.tests.realtime_client import GONE, Client, Follower

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

CLIENTS, EVENTS, RATE = 20, 3_000, 500
CATCH_UP_SECONDS = 60.0


@dataclass
class Scene:
    """One person's stream and those who follow it."""

    live: LiveProduct
    stream: str
    header: str
    start: int
    epoch: str

    def followers(self, count: int, address: Callable[[int], tuple[int, str]] | None = None) -> list[Follower]:
        """Clients that stand where the stream does now, to be run."""
        where = address or (lambda _: (self.live.address.realtime_port, self.live.url))
        return [Follower(where, self.header, self.stream, epoch=self.epoch, seq=self.start) for _ in range(count)]

    def head(self) -> int:
        """The last seq in the log; fails when the log itself has a hole or a double."""
        ((head, rows, distinct, first),) = self.live.query(
            "SELECT (SELECT seq FROM events_stream WHERE key = %s), count(*), count(DISTINCT seq), min(seq) "
            "FROM events_event WHERE stream = %s AND seq > %s",
            (self.stream, self.stream, self.start),
        )
        assert rows == distinct == head - self.start
        assert first == self.start + 1
        return int(head)


@pytest.fixture
def scene(live: LiveProduct) -> Scene:
    """A new person, on a product where everything runs."""
    live.wait_ready()
    person, username, password = live.make_person()
    header = f"Bearer {live.sign_in(username, password)['access']}"
    stream = f"user:{person}"
    caller = live.caller(header)
    position = caller.get(f"/api/v1/events/?stream={stream}").json["meta"]["stream"]
    caller.close()
    return Scene(live, stream, header, position["seq"], position["epoch"])


async def publishing(scene: Scene, events: int = EVENTS, rate: int = RATE, *more: str) -> dict[str, Any]:
    """Publish from a process of its own until it ends; what it says it committed."""
    environment = {**scene.live.state.environment, "LOG_LEVEL": "ERROR"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "config.tests.realtime_publisher", scene.stream, str(events), str(rate), *more),
        stdout=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        env=environment,
    )
    said, _ = await process.communicate()
    found: dict[str, Any] = json.loads(said)
    return found | {"exit": process.returncode}


async def caught_up(scene: Scene, followers: list[Follower], end: int) -> float:
    """Wait until each follower is at `end`; the seconds that took."""
    began = time.monotonic()
    while any(follower.seq < end for follower in followers):
        behind = [(follower.seq, follower.connects, follower.trouble[-3:]) for follower in followers if follower.seq < end]
        assert time.monotonic() - began < CATCH_UP_SECONDS, f"{len(behind)} of {len(followers)} are not at {end}: {behind[:3]}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def assert_each_once_in_order(scene: Scene, followers: list[Follower], end: int) -> None:
    expected = list(range(scene.start + 1, end + 1))
    for follower in followers:
        assert follower.seqs == expected
        assert follower.wrong == []
        assert follower.resets == 0


def report(name: str, said: dict[str, Any], followers: list[Follower], seconds: float) -> None:
    late = sorted(value for follower in followers for value in follower.sent)
    sys.stdout.write(
        f"{name}: {said['committed']} committed (in doubt {said['in_doubt']}) in {said.get('seconds', 0):.1f} s, "
        f"{len(followers)} clients, {sum(f.connects for f in followers)} connections, "
        f"{sum(f.paged for f in followers)} read pages, all caught up {seconds:.2f} s after the end; "
        f"p50 {statistics.median(late) * 1000:.0f} ms, p99 {late[len(late) * 99 // 100] * 1000:.0f} ms, "
        f"max {late[-1] * 1000:.0f} ms\n"
    )


def run_burst(name: str, scene: Scene, fault: Callable[[], object] | None, followers: list[Follower]) -> dict[str, Any]:
    """A burst, the fault in the middle of it, and everybody at its end; what the publisher said."""

    async def scenario() -> dict[str, Any]:
        finished = False
        following = [asyncio.create_task(follower.run(lambda: finished)) for follower in followers]
        await _all_connected(followers)
        burst = asyncio.create_task(publishing(scene))
        await _moved(followers[0], scene.start + EVENTS // 3)
        if fault is not None:
            await asyncio.to_thread(fault)
        said = await burst
        await asyncio.to_thread(scene.live.wait_ready)
        end = await asyncio.to_thread(scene.head)
        seconds = await caught_up(scene, followers, end)
        # Nothing more comes: no double, no straggler.
        await asyncio.sleep(0.5)
        finished = True
        await asyncio.gather(*following)
        assert EVENTS <= said["committed"] <= end - scene.start <= said["committed"] + said["in_doubt"]
        assert_each_once_in_order(scene, followers, end)
        report(name, said, followers, seconds)
        return said

    return asyncio.run(scenario())


async def _all_connected(followers: list[Follower]) -> None:
    async with asyncio.timeout(30):
        while any(follower.recovered + follower.paged == 0 for follower in followers):
            await asyncio.sleep(0.02)


async def _moved(follower: Follower, seq: int) -> None:
    async with asyncio.timeout(60):
        while follower.seq < seq:
            await asyncio.sleep(0.02)


def test_a_burst_reaches_everybody(scene: Scene) -> None:
    followers = scene.followers(CLIENTS)

    run_burst("burst", scene, None, followers)

    # Connected throughout: nobody was too slow for it.
    assert [follower.connects for follower in followers] == [1] * CLIENTS


@pytest.mark.parametrize("victim", ["realtime", "valkey", "postgres"])
def test_kill_9_in_the_middle_of_a_burst_loses_and_doubles_nothing(scene: Scene, victim: str) -> None:
    followers = scene.followers(CLIENTS)
    pid = scene.live.pid(victim)

    run_burst(f"kill -9 of {victim}", scene, lambda: scene.live.kill(victim), followers)

    assert scene.live.pid(victim) != pid
    if victim == "realtime":
        assert all(follower.connects >= 2 for follower in followers)
    else:
        assert all(follower.connects == 1 for follower in followers), "an outage behind it ends no socket"


def test_all_three_killed_one_after_the_other_in_one_burst_lose_nothing(scene: Scene) -> None:
    def fault() -> None:
        for victim in ("valkey", "realtime", "postgres"):
            scene.live.kill(victim)
            time.sleep(0.7)

    run_burst("kill -9 of all three", scene, fault, scene.followers(CLIENTS))


def test_a_publisher_killed_between_commit_and_announcement_costs_seconds_and_no_event(scene: Scene) -> None:
    followers = scene.followers(CLIENTS)

    async def scenario() -> None:
        finished = False
        following = [asyncio.create_task(follower.run(lambda: finished)) for follower in followers]
        await _all_connected(followers)
        # Alone, as the last thing that happens: nothing later tells of it.
        said = await publishing(scene, 100, RATE, "die-in-announcement")
        # It ends itself in place of its last announcement.
        assert said["exit"] == -9
        assert scene.head() == scene.start + said["committed"] == scene.start + 100
        alone = await caught_up(scene, followers, scene.start + 100)
        # And while others publish to the same stream.
        both = await asyncio.gather(publishing(scene, 1500), publishing(scene, 200, RATE, "die-in-announcement"))
        assert [found["exit"] for found in both] == [0, -9]
        end = scene.head()
        assert end == scene.start + 100 + 1500 + 200
        seconds = await caught_up(scene, followers, end)
        await asyncio.sleep(0.5)
        finished = True
        await asyncio.gather(*following)
        assert_each_once_in_order(scene, followers, end)
        assert [follower.connects for follower in followers] == [1] * CLIENTS
        report(f"publisher killed (alone found after {alone:.2f} s)", both[0], followers, seconds)
        assert alone < 6

    asyncio.run(scenario())


def test_clients_that_were_away_for_long_read_pages_and_then_follow(scene: Scene) -> None:
    """More was missed than the socket recovers: the same epoch, so the log over REST has it all."""

    async def scenario() -> None:
        said = await publishing(scene, EVENTS, 2_000)
        assert said["committed"] == EVENTS
        finished = False
        followers = scene.followers(4)
        following = [asyncio.create_task(follower.run(lambda: finished)) for follower in followers]
        more = await publishing(scene, 200)
        end = scene.head()
        await caught_up(scene, followers, end)
        finished = True
        await asyncio.gather(*following)
        assert end == scene.start + EVENTS + more["committed"]
        assert all(follower.paged >= 1 for follower in followers)
        assert_each_once_in_order(scene, followers, end)

    asyncio.run(scenario())


def test_clients_resume_on_another_process(scene: Scene) -> None:
    """Two realtime processes behind one log: a client that loses one goes on with the other, from its place."""
    port = free_port()
    spec = ChildSpec(
        "second",
        (sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), *REALTIME_OPTIONS),
        {**scene.live.state.environment},
        PROJECT,
        scene.live.root / "second.log",
    )
    second = spawn(spec)
    ports = (port, scene.live.address.realtime_port)

    def address(attempt: int) -> tuple[int, str]:
        return ports[attempt % 2], scene.live.url

    try:
        asyncio.run(_answers(port, scene.header))
        followers = scene.followers(CLIENTS, address)
        run_burst("resume on another process", scene, second.kill, followers)
        assert all(follower.connects == 2 for follower in followers)
    finally:
        stop([(spec, second)])


async def _answers(port: int, header: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with await Client.open(port, header.partition(" ")[2]) as client:
                    assert client.hello["ok"]
                    return
            except GONE:
                await asyncio.sleep(0.1)
