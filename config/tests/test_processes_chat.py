"""Chat as it runs: whatever is killed while people write, each acknowledged message is there once, in one order for all."""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from config.tests.live import UNLIMITED, LiveProduct
from config.tests.realtime_client import GONE, Client

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

WRITERS, MESSAGES, FOLLOWERS = 8, 60, 4
PATIENCE = 120.0
# Answers after which the same message is sent again under the same cid.
TEMPORARY = {"unavailable", "rate_limited"}


@pytest.fixture(scope="module")
def product() -> Iterator[LiveProduct]:
    """One where the limits of chat are not met."""
    with LiveProduct({**UNLIMITED, "CHAT_LIMIT_SENDER": "100000/60", "CHAT_LIMIT_ROOM": "1000000/60"}) as live:
        yield live


@dataclass
class Writer:
    """Somebody who sends each message until it is acknowledged, always under its cid."""

    name: str
    token: str
    room: str
    port: int
    acknowledged: dict[str, int] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    repeated: int = 0
    wrong: list[Any] = field(default_factory=list)

    async def run(self, chance: random.Random) -> None:
        """Send them all, in order, on as many sockets as it takes."""
        waiting = [(str(uuid.uuid4()), f"{self.name} {number}") for number in range(MESSAGES)]
        deadline = time.monotonic() + PATIENCE
        while waiting:
            assert time.monotonic() < deadline, f"{self.name} has {len(waiting)} messages left"
            try:
                async with await Client.open(self.port, self.token) as client:
                    if client.hello["ok"]:
                        await self._write(client, waiting, chance)
            except GONE:
                self.repeated += 1
            await asyncio.sleep(0.1)

    async def _write(self, client: Client, waiting: list[tuple[str, str]], chance: random.Random) -> None:
        while waiting:
            cid, text = waiting[0]
            answer = await client.call("message.send", room=self.room, cid=cid, d={"text": text})
            if answer["ok"]:
                self.acknowledged[cid] = answer["d"]["number"]
                self.answers.append(answer["d"])
                waiting.pop(0)
            elif answer["err"]["code"] not in TEMPORARY or not answer["err"]["temporary"]:
                self.wrong.append(answer["err"])
                return
            await asyncio.sleep(chance.uniform(0.0, 0.06))


@dataclass
class Reader:
    """Somebody who follows the room and keeps what it heard, in the order of seqs, each once."""

    token: str
    room: str
    port: int
    position: dict[str, Any]
    heard: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    connects: int = 0

    async def run(self, done: Callable[[], bool]) -> None:
        """Follow, reconnect and resume until `done()`."""
        while not done():
            try:
                async with await Client.open(self.port, self.token) as client:
                    self.connects += 1
                    await self._follow(client, done)
            except GONE:
                await asyncio.sleep(0.1)

    async def _follow(self, client: Client, done: Callable[[], bool]) -> None:
        stream = f"room:{self.room}"
        answer = await client.call("sub", streams={stream: {"since": self.position["seq"], "epoch": self.position["epoch"]}})
        if not answer["ok"]:
            return
        found = answer["d"][stream]
        assert found["recovered"], found
        for event in found["events"]:
            self._take(event)
        while not done():
            try:
                self._take(await client.frame(0.5))
            except TimeoutError:
                continue

    def _take(self, frame: dict[str, Any]) -> None:
        if not frame.get("seq") or frame["seq"] <= self.position["seq"]:
            return
        if frame["seq"] != self.position["seq"] + 1:
            self.wrong.append(f"{frame['seq']} after {self.position['seq']}")
        self.position["seq"] = frame["seq"]
        if frame["t"] == "message.created":
            self.heard.append(frame["d"])


@dataclass
class Scene:
    """A room of writers, and those who follow it."""

    live: LiveProduct
    room: str
    writers: list[Writer]
    readers: list[Reader]


@pytest.fixture
def scene(product: LiveProduct) -> Scene:
    """A new room with new people."""
    product.wait_ready()
    people = [product.make_person() for _ in range(WRITERS)]
    tokens = [product.sign_in(username, password)["access"] for _, username, password in people]
    owner = product.caller(f"Bearer {tokens[0]}")
    body = {"kind": "private", "name": "Harbour", "members": [person for person, _, _ in people[1:]]}
    made = owner.post("/api/v1/chat/rooms/", body)
    assert made.status == 201, made.raw
    room = made.data["id"]
    position = owner.get(f"/api/v1/events/?stream=room:{room}").json["meta"]["stream"]
    port = product.address.realtime_port
    writers = [Writer(f"writer {n}", token, room, port) for n, token in enumerate(tokens)]
    readers = [Reader(tokens[n], room, port, {"seq": position["seq"], "epoch": position["epoch"]}) for n in range(FOLLOWERS)]
    return Scene(product, room, writers, readers)


def disturb(live: LiveProduct, victims: list[str]) -> None:
    """Kill each of them, a moment apart."""
    for victim in victims:
        time.sleep(0.8)
        live.kill(victim)


def run(scene: Scene, victims: list[str]) -> list[tuple[Any, ...]]:
    """Everybody writes while the victims are killed; the room's rows by number, when all have heard all."""
    seed = random.SystemRandom().randrange(1 << 32)

    async def scenario() -> list[tuple[Any, ...]]:
        finished = False
        following = [asyncio.create_task(reader.run(lambda: finished)) for reader in scene.readers]
        writing = [asyncio.create_task(one.run(random.Random(seed + n))) for n, one in enumerate(scene.writers)]
        await asyncio.to_thread(disturb, scene.live, victims)
        await asyncio.gather(*writing)
        await asyncio.to_thread(scene.live.wait_ready)
        found: list[tuple[Any, ...]] = await asyncio.to_thread(
            scene.live.query,
            "SELECT number, cid::text, text, id::text FROM chat_message WHERE room_id = %s AND root_id IS NULL ORDER BY number",
            (scene.room,),
        )
        end = time.monotonic() + 30
        while any(len(reader.heard) < len(found) for reader in scene.readers) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        finished = True
        await asyncio.gather(*following)
        return found

    rows = asyncio.run(scenario())
    sys.stdout.write(
        f"killed {', '.join(victims)}: {len(rows)} messages, sockets of writers lost {sum(w.repeated for w in scene.writers)}, "
        f"sockets of readers {sum(r.connects for r in scene.readers)}, "
        f"found as sent before {sum(answer['duplicate'] for w in scene.writers for answer in w.answers)}\n"
    )
    return rows


@pytest.mark.parametrize(
    "victims", [["realtime"], ["valkey"], ["postgres"], ["valkey", "realtime", "postgres", "realtime"]], ids="+".join
)
def test_what_was_acknowledged_is_there_once_and_in_one_order_for_all(scene: Scene, victims: list[str]) -> None:
    rows = run(scene, victims)

    assert [writer.wrong for writer in scene.writers if writer.wrong] == []
    # Numbered without gaps, and none of them twice: not one message was lost, none was doubled by being sent again.
    assert [number for number, *_ in rows] == list(range(1, WRITERS * MESSAGES + 1))
    assert {cid: number for number, cid, *_ in rows} == {
        cid: number for writer in scene.writers for cid, number in writer.acknowledged.items()
    }
    # Each writer's own order is kept.
    for writer in scene.writers:
        assert [text for _, _, text, _ in rows if text.startswith(f"{writer.name} ")] == [
            f"{writer.name} {number}" for number in range(MESSAGES)
        ]
    expected = [(number, key) for number, _, _, key in rows]
    for reader in scene.readers:
        assert reader.wrong == []
        assert [(event["number"], event["message"]) for event in reader.heard] == expected
