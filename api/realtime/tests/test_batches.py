"""Commands of apps: what arrives together is carried out together, and one that fails harms itself only."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from django.db import OperationalError

from api.realtime.batches import AT_ONCE, MAX_BATCH, Batches
from core.exceptions import Conflict, DomainError
from core.principals import Principal
from core.socket_commands import Call, Outcome
from events.hub.background import Tasks
from events.hub.threads import Threads

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = cast(Principal, None)


def calls(count: int) -> list[Call]:
    return [Call(NOBODY, None, {"number": number}) for number in range(count)]


def play(handler: Callable[[Sequence[Call]], Sequence[Outcome]], asked: Sequence[Call], apart: str | None = None) -> list[Any]:
    """What becomes of calls that come together."""

    async def scenario() -> list[Any]:
        threads, tasks = Threads(4), Tasks()
        batches = Batches(threads, tasks, handler, apart)
        try:
            return list(await asyncio.gather(*(batches.submit(call) for call in asked)))
        finally:
            await tasks.stop()
            threads.close()

    return asyncio.run(scenario())


def echo(asked: Sequence[Call]) -> list[Outcome]:
    return [{"number": call.frame["number"]} for call in asked]


def test_each_call_gets_its_own_outcome() -> None:
    assert play(echo, calls(5)) == [{"number": number} for number in range(5)]


def test_what_waits_is_taken_together_and_no_batch_is_too_large() -> None:
    sizes: list[int] = []

    def handler(asked: Sequence[Call]) -> list[Outcome]:
        sizes.append(len(asked))
        return echo(asked)

    assert len(play(handler, calls(3 * MAX_BATCH))) == 3 * MAX_BATCH
    assert max(sizes) <= MAX_BATCH
    assert len(sizes) <= AT_ONCE + 3


def test_one_that_breaks_harms_itself_only() -> None:
    def handler(asked: Sequence[Call]) -> list[Outcome]:
        if any(call.frame["number"] == 3 for call in asked):
            raise ZeroDivisionError
        return echo(asked)

    outcomes = play(handler, calls(6))
    assert [outcome for number, outcome in enumerate(outcomes) if number != 3] == [{"number": n} for n in (0, 1, 2, 4, 5)]
    assert isinstance(outcomes[3], DomainError)
    assert outcomes[3].stable_code == "internal_error"


def test_a_refusal_of_one_is_nobody_elses() -> None:
    def handler(asked: Sequence[Call]) -> list[Outcome]:
        if any(call.frame["number"] == 1 for call in asked):
            raise Conflict("no")
        return echo(asked)

    outcomes = play(handler, calls(3))
    assert [outcomes[0], outcomes[2]] == [{"number": 0}, {"number": 2}]
    assert outcomes[1].stable_code == "conflict"


def test_an_outage_is_temporary_for_all_and_tried_once() -> None:
    tries: list[int] = []

    def handler(asked: Sequence[Call]) -> list[Outcome]:
        tries.append(len(asked))
        raise OperationalError("away")

    outcomes = play(handler, calls(4))
    assert {outcome.stable_code for outcome in outcomes} == {"unavailable"}
    assert sum(tries) == 4


def test_a_batch_that_waits_does_not_hold_up_the_next() -> None:
    release = threading.Event()

    def handler(asked: Sequence[Call]) -> list[Outcome]:
        if asked[0].frame["number"] == 0:
            assert release.wait(10)
        return echo(asked)

    async def scenario() -> list[Any]:
        threads, tasks = Threads(4), Tasks()
        batches = Batches(threads, tasks, handler)
        try:
            slow = asyncio.ensure_future(batches.submit(calls(1)[0]))
            await asyncio.sleep(0.05)
            quick = await asyncio.wait_for(batches.submit(calls(2)[1]), 5)
            assert not slow.done()
            release.set()
            return [await slow, quick]
        finally:
            await tasks.stop()
            threads.close()

    assert asyncio.run(scenario()) == [{"number": 0}, {"number": 1}]


def test_whoever_asked_is_answered_whatever_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("no threads")

    monkeypatch.setattr(Threads, "run", broken)
    outcomes = play(echo, calls(3))
    assert [outcome.stable_code for outcome in outcomes] == ["internal_error"] * 3


def of_rooms(names: str) -> list[Call]:
    return [Call(NOBODY, None, {"number": number, "room": name}) for number, name in enumerate(names)]


def test_calls_that_would_wait_for_each_other_are_never_in_two_batches_at_once() -> None:
    lock, busy, met, order = threading.Lock(), set[str](), list[str](), list[int]()

    def handler(asked: Sequence[Call]) -> list[Outcome]:
        rooms = {call.frame["room"] for call in asked}
        with lock:
            met.extend(busy & rooms)
            busy.update(rooms)
        time.sleep(0.002)
        with lock:
            busy.difference_update(rooms)
            order.extend(call.frame["number"] for call in asked)
        return echo(asked)

    asked = of_rooms("abcabdaab" * MAX_BATCH)
    assert play(handler, asked, "room") == [{"number": number} for number in range(len(asked))]
    assert met == []
    # Those of one room one after another, as they came.
    assert [number for number in order if asked[number].frame["room"] == "a"] == [
        number for number, call in enumerate(asked) if call.frame["room"] == "a"
    ]


def test_a_room_that_takes_long_holds_up_its_own_calls_only() -> None:
    async def scenario() -> list[str]:
        threads, tasks, ended = Threads(4), Tasks(), list[str]()
        free = threading.Event()

        def handler(asked: Sequence[Call]) -> list[Outcome]:
            if any(call.frame["room"] == "slow" for call in asked):
                free.wait(10)
            return echo(asked)

        batches = Batches(threads, tasks, handler, "room")

        async def ask(room: str) -> None:
            await batches.submit(Call(NOBODY, None, {"number": 1, "room": room}))
            ended.append(room)

        try:
            slow = [asyncio.create_task(ask("slow")) for _ in range(3)]
            await asyncio.sleep(0.01)
            for _ in range(5):
                await asyncio.wait_for(ask("quick"), 5)
            free.set()
            await asyncio.gather(*slow)
            return ended
        finally:
            free.set()
            await tasks.stop()
            threads.close()

    assert asyncio.run(scenario()) == ["quick"] * 5 + ["slow"] * 3


@pytest.mark.parametrize("room", [None, 7, ["a"], {"a": 1}])
def test_what_is_no_name_waits_for_nothing(room: Any) -> None:
    asked = [Call(NOBODY, None, {"number": number, "room": room}) for number in range(5)]
    assert play(echo, asked, "room") == [{"number": number} for number in range(5)]
