"""What is wrong with a frame ends the connection; what is wrong with a command is answered, and the connection goes on."""

from typing import Any

import pytest

from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, play
from events.tests.support import publish

BAD_FRAMES = [
    "",
    "{",
    "[]",
    "null",
    '"auth"',
    "42",
    '{"t":7}',
    '{"id":1}',
    '{"id":1.5,"t":"ping"}',
    '{"id":[1],"t":"ping"}',
    '{"id":"%s","t":"ping"}' % ("9" * 65),
    '{"id":1,"t":"\\ud800"}',
    '{"t":' + "[" * 2000,
    b"\x00\x01",
    b'{"id":1,"t":"ping"}',
]


@pytest.mark.parametrize("frame", BAD_FRAMES, ids=range(len(BAD_FRAMES)))
@pytest.mark.parametrize("authenticated", [True, False])
def test_a_frame_that_is_no_command_ends_the_connection(
    realtime: RealtimeProcess, person: Person, frame: str | bytes, authenticated: bool
) -> None:
    async def scenario() -> None:
        client = await realtime.connect(person.token if authenticated else "")
        await client.say(frame)
        told = await client.frame()
        assert (told["id"], told["err"]["code"]) == (None, "bad_frame")
        assert await client.closed() == 4400

    play(scenario())


@pytest.mark.parametrize("size", [65_537, 1024 * 1024])
def test_a_frame_over_the_limit_ends_the_connection(realtime: RealtimeProcess, person: Person, size: int) -> None:
    async def scenario() -> int:
        client = await realtime.connect(person.token)
        await client.say("x" * size)
        return await client.closed()

    assert play(scenario()) == 1009


def test_a_frame_of_the_limit_in_many_fragments_is_understood_and_a_longer_one_is_not(
    realtime: RealtimeProcess, person: Person
) -> None:
    async def scenario() -> int:
        client = await realtime.connect(person.token)
        text = '{"id":"whole","t":"ping","x":"%s"}'
        padding = 65_536 - len(text) + 2
        whole = text % ("x" * padding)
        assert len(whole) == 65_536
        await client.socket.send([whole[start : start + 1000] for start in range(0, len(whole), 1000)])
        assert (await client.frame())["id"] == "whole"
        await client.socket.send(["x" * 60_000, "x" * 60_000])
        return await client.closed()

    assert play(scenario()) == 1009


def test_text_that_is_not_utf_8_ends_the_connection(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> int:
        client = await realtime.connect(person.token)
        await client.socket.send(b"\xff\xfe", text=True)
        return await client.closed()

    # The code that RFC 6455 has for it, or ours: either way the connection is over.
    assert play(scenario()) in {1007, 4400}


def test_another_path_is_told_so(realtime: RealtimeProcess) -> None:
    async def scenario() -> int:
        return await (await realtime.connect(path="/ws/v2/")).closed()

    assert play(scenario()) == 4400


def test_unknown_commands_are_answered(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            for command in ("", "message.nothing", "SUB", "x" * 1000):
                assert (await client.call(command))["err"]["code"] == "unknown_command"
            assert (await client.call("ping"))["d"]["ts"] > 0

    play(scenario())


def test_the_answer_repeats_the_id_whatever_it_is(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            for number in ("a", 0, -1, 2**63, None, "ü"):
                await client.say({"id": number, "t": "ping"})
                answer = await client.frame()
                assert (answer["id"], answer["ok"]) == (number, True)

    play(scenario())


@pytest.mark.parametrize(
    "streams",
    [
        None,
        [],
        {},
        "user:x",
        {"user:x": None},
        {"user:x": 3},
        {"user:x": {"since": -1}},
        {"user:x": {"since": 1.5}},
        {"user:x": {"since": "7"}},
        {"user:x": {"since": True}},
        {"user:x": {"since": 2**53 + 1}},
        {"user:x": {"since": 2**63}},
        {"user:x": {"since": 10**30}},
        {"user:x": {"epoch": 7}},
        {"user:x": {"since": 1, "epoch": "e" * 65}},
        {f"user:{number}": {} for number in range(51)},
        {f"u:{number}": {} for number in range(4_000)},
    ],
    ids=range(17),
)
def test_a_malformed_subscription_is_answered_and_follows_nothing(
    realtime: RealtimeProcess, person: Person, streams: Any
) -> None:
    from api.realtime.tests.process import aside

    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            if isinstance(streams, dict) and streams and len(streams) < 50:
                asked: Any = {**streams, person.stream: {}}
            else:
                asked = streams
            assert (await client.call("sub", streams=asked))["err"]["code"] == "invalid"
            await aside(publish, stream=person.stream)
            await client.silence(0.5)

    play(scenario())


@pytest.mark.parametrize("streams", [None, {}, "user:x", [7], [None], ["user:x"] * 201])
def test_a_malformed_end_of_a_subscription_is_answered(realtime: RealtimeProcess, person: Person, streams: Any) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            assert (await client.call("unsub", streams=streams))["err"]["code"] == "invalid"

    play(scenario())
