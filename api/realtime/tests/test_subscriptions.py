"""Following streams: one's own, in order, until told otherwise; nobody else's."""

import asyncio

import events
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play, timed
from events.tests.support import publish, publish_many


def test_each_event_arrives_once_in_order_with_its_payload(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            await aside(publish_many, 300, stream=person.stream)
            found = await client.frames(300)
            assert [frame["seq"] for frame in found] == [start["seq"] + number for number in range(1, 301)]
            assert [frame["d"]["number"] for frame in found] == list(range(1, 301))
            assert {(frame["t"], frame["s"]) for frame in found} == {("sample.happened", person.stream)}
            assert all(len(frame["id"]) == 36 and frame["ts"] > 0 for frame in found)
            await client.silence(0.5)

    play(scenario())


def test_an_event_arrives_within_a_fraction_of_a_second_of_its_commit(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> float:
        async with await realtime.connect(person.token) as client:
            await client.subscribe(**{person.stream: {}})
            await aside(publish, stream=person.stream)
            return (await timed(client.frame()))[1]

    assert play(scenario()) < 0.5


def test_an_event_of_a_transaction_that_is_rolled_back_never_arrives(realtime: RealtimeProcess, person: Person) -> None:
    from django.db import transaction

    from events.tests.support import Happened

    def fail() -> None:
        with transaction.atomic():
            events.publish(Happened(1), stream=person.stream)
            transaction.set_rollback(True)

    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            await aside(fail)
            await client.silence(0.5)
            await aside(publish, 2, stream=person.stream)
            frame = await client.frame()
            assert (frame["seq"], frame["d"]["number"]) == (start["seq"] + 1, 2)

    play(scenario())


def test_streams_of_others_and_unknown_ones_are_not_told_apart(
    realtime: RealtimeProcess, person: Person, outsider: Person
) -> None:
    strange = [outsider.stream, "user:", "user", "", "nothing:1", "user:a b", "user:\u0000", "USER:1", "user:" + "x" * 100]

    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            answer = await client.subscribe(**{name: {"since": 0} for name in [*strange, person.stream]})
            assert {name: answer[name] for name in strange} == {name: {"error": {"code": "stream_not_found"}} for name in strange}
            assert answer[person.stream]["recovered"]
            await aside(publish, stream=outsider.stream)
            await client.silence(1)

    play(scenario())


def test_unsubscribed_streams_are_silent_and_can_be_followed_again(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            assert (await client.call("unsub", streams=[person.stream, "never:followed"]))["ok"]
            await aside(publish, 1, stream=person.stream)
            await client.silence(0.5)
            again = (await client.subscribe(**{person.stream: {"since": start["seq"], "epoch": start["epoch"]}}))[person.stream]
            assert [event["d"]["number"] for event in again["events"]] == [1]
            await aside(publish, 2, stream=person.stream)
            assert (await client.frame())["d"]["number"] == 2

    play(scenario())


def test_subscribing_again_does_not_double_events(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            for _ in range(3):
                await client.subscribe(**{person.stream: {}})
            await aside(publish, stream=person.stream)
            await client.frame()
            await client.silence(0.5)

    play(scenario())


def test_ephemeral_events_have_no_seq_and_leave_no_gap(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            start = (await client.subscribe(**{person.stream: {}}))[person.stream]
            await aside(events.publish_ephemeral, "typing", {"who": "me"}, stream=person.stream)
            assert await client.frame() == {"t": "typing", "s": person.stream, "d": {"who": "me"}}
            await aside(publish, stream=person.stream)
            assert (await client.frame())["seq"] == start["seq"] + 1
            missed = (await client.subscribe(**{person.stream: {"since": start["seq"]}}))[person.stream]
            assert [event["t"] for event in missed["events"]] == ["sample.happened"]

    play(scenario())


def test_several_connections_of_one_person_get_the_same(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        clients = [await realtime.connect(token) for token in (person.token, person.token, person.key.raw)]
        for client in clients:
            await client.subscribe(**{person.stream: {}})
        await aside(publish_many, 20, stream=person.stream)
        found = [await client.frames(20) for client in clients]
        assert found[0] == found[1] == found[2]
        for client in clients:
            await client.close()

    play(scenario())


def test_a_subscription_in_the_middle_of_a_burst_has_no_hole_and_no_double(realtime: RealtimeProcess, person: Person) -> None:
    """Join while events are committed: what the answer tells and what follows it are one sequence."""

    async def join(since: int) -> list[int]:
        async with await realtime.connect(person.token) as client:
            answer = (await client.subscribe(**{person.stream: {"since": since}}))[person.stream]
            seqs = [event["seq"] for event in answer["events"]]
            assert answer["seq"] == (seqs[-1] if seqs else since)
            return seqs + [frame["seq"] for frame in await client.frames(20)]

    def burst() -> None:
        for number in range(250):
            publish(number, stream=person.stream)

    async def scenario() -> None:
        since = (await aside(person.head)).seq
        publishing = asyncio.create_task(aside(burst))
        joined = 0
        while not publishing.done() and joined < 12:
            try:
                seqs = await join(since)
            except TimeoutError:
                # It joined as the burst ended: there were no twenty events more.
                assert publishing.done()
                break
            assert seqs == list(range(since + 1, since + 1 + len(seqs)))
            joined += 1
        await publishing
        assert joined >= 3

    play(scenario())


def test_ten_thousand_streams_of_others_are_refused_at_the_allowed_pace_and_harm_nothing(
    realtime: RealtimeProcess, person: Person
) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            # Names that are refused do not count, so all ten thousand can be asked for: at the allowed pace.
            for start in range(0, 10_000, 50):
                answer = await client.call("sub", streams={f"user:{number}": {} for number in range(start, start + 50)})
                if answer["ok"]:
                    assert {found["error"]["code"] for found in answer["d"].values()} == {"stream_not_found"}
                else:
                    assert answer["err"]["code"] == "rate_limited"
                    await asyncio.sleep(answer["err"]["retry_ms"] / 1000)
            await asyncio.sleep(0.1)
            assert person.stream in await client.subscribe(**{person.stream: {}})
            await aside(publish, stream=person.stream)
            assert (await client.frame())["s"] == person.stream

    play(scenario())
