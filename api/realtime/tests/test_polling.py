"""`GET /api/v1/events/` in the realtime process: waits without holding a thread, and answers what the web processes answer."""

import asyncio
import time
from typing import Any

import httpx
import pytest

import events
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play, timed
from api_keys import services as keys
from api_keys.tests.factories import make_key
from events.tests.support import publish, publish_many
from users.services import sessions

PATH = "/api/v1/events/"


def http(realtime: RealtimeProcess, token: str = "", scheme: str = "Bearer") -> httpx.AsyncClient:
    headers = {"Authorization": f"{scheme} {token}"} if token else {}
    return httpx.AsyncClient(base_url=realtime.origin, headers=headers, timeout=40)


def ask(realtime: RealtimeProcess, token: str = "", scheme: str = "Bearer", **query: Any) -> tuple[httpx.Response, float]:
    """One request: its answer and how long it took."""

    async def scenario() -> tuple[httpx.Response, float]:
        async with http(realtime, token, scheme) as client:
            return await timed(client.get(PATH, params=query))

    return play(scenario())


def test_it_answers_at_once_when_there_is_something(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head()
    publish_many(3, stream=person.stream)

    answer, seconds = ask(realtime, person.token, stream=person.stream, since=since.seq, epoch=since.epoch, wait=20)

    assert answer.status_code == 200
    assert [event["seq"] for event in answer.json()["data"]] == [since.seq + 1, since.seq + 2, since.seq + 3]
    assert answer.json()["meta"]["stream"]["recovered"] is True
    assert answer.json()["meta"]["waited"] is False
    assert seconds < 3


@pytest.mark.parametrize("kind", ["token", "key"])
def test_it_waits_for_the_next_event(realtime: RealtimeProcess, person: Person, kind: str) -> None:
    since = person.head()
    token, scheme = (person.token, "Bearer") if kind == "token" else (person.key.raw, "ApiKey")

    async def scenario() -> None:
        async with http(realtime, token, scheme) as client:
            query = {"stream": person.stream, "since": since.seq, "epoch": since.epoch, "wait": 20}
            waiting = asyncio.create_task(client.get(PATH, params=query))
            await asyncio.sleep(1.5)
            assert not waiting.done()
            await aside(events.publish_ephemeral, "typing", {}, stream=person.stream)
            await asyncio.sleep(0.5)
            assert not waiting.done()
            await aside(publish, 7, stream=person.stream)
            answer, seconds = await timed(waiting)
            assert [(event["seq"], event["data"]["number"]) for event in answer.json()["data"]] == [(since.seq + 1, 7)]
            assert seconds < 1.0

    play(scenario())


def test_it_answers_nothing_when_nothing_came_in_time(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head()

    answer, seconds = ask(realtime, person.token, stream=person.stream, since=since.seq, wait=2)

    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert answer.json()["meta"]["stream"]["seq"] == since.seq
    assert answer.json()["meta"]["waited"] is True
    assert 1.9 < seconds < 6


def test_positions_that_cannot_be_waited_for_are_answered_at_once(realtime: RealtimeProcess, person: Person) -> None:
    head = person.head()
    for query in (
        {"since": head.seq + 5},
        {"since": head.seq, "epoch": "elsewhere"},
        {"since": 9_223_372_036_854_775_807},
        {},
    ):
        answer, seconds = ask(realtime, person.token, stream=person.stream, wait=20, **query)
        assert answer.status_code == 200
        assert answer.json()["data"] == []
        assert answer.json()["meta"]["stream"]["recovered"] is ("since" not in query)
        assert seconds < 3


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5", "9" * 5000, "٣"])
def test_a_wait_out_of_range_is_refused_at_once(realtime: RealtimeProcess, person: Person, wait: str) -> None:
    since = person.head().seq

    answer, seconds = ask(realtime, person.token, stream=person.stream, since=since, wait=wait)

    # Digits of other scripts are digits to everybody here.
    assert answer.status_code == (200 if wait == "٣" else 400)
    assert seconds < 6
    if wait != "٣":
        assert answer.json()["error"]["details"][0]["field"] == "wait"


@pytest.mark.parametrize("since", ["-1", "x", "9" * 19, "9" * 6000])
def test_a_position_out_of_range_is_refused_at_once(realtime: RealtimeProcess, person: Person, since: str) -> None:
    answer, seconds = ask(realtime, person.token, stream=person.stream, since=since, wait=20)

    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "since"
    assert seconds < 3


def test_others_get_nothing_and_do_not_wait(realtime: RealtimeProcess, person: Person, outsider: Person) -> None:
    since = person.head().seq
    bare = make_key(person.user, scopes=["account:read"])
    position = {"stream": person.stream, "since": since, "wait": 20}
    for token, scheme, status, code in (
        ("", "", 401, "not_authenticated"),
        ("nonsense", "Bearer", 401, "invalid_token"),
        (bare.raw, "ApiKey", 403, "insufficient_scope"),
        (outsider.token, "Bearer", 404, "stream_not_found"),
    ):
        answer, seconds = ask(realtime, token, scheme, **position)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.json()["success"] is False
        assert seconds < 3
    answer, _ = ask(realtime, person.token, stream="nothing:1", since=0, wait=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "stream_not_found")


def test_who_loses_the_right_while_waiting_gets_no_event(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq

    async def scenario() -> httpx.Response:
        async with http(realtime, person.key.raw, "ApiKey") as client:
            query = {"stream": person.stream, "since": since, "wait": 20}
            waiting = asyncio.create_task(client.get(PATH, params=query))
            await asyncio.sleep(1.0)
            # The revocation is itself told on the stream: it ends the wait.
            await aside(keys.revoke_key, key=person.key.key, actor=person.user)
            return await waiting

    answer = play(scenario())
    assert answer.status_code == 401
    assert "data" not in answer.json()


def test_a_hundred_and_fifty_wait_at_once_while_others_are_served(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq

    async def scenario() -> None:
        limits = httpx.Limits(max_connections=200)
        headers = {"Authorization": f"Bearer {person.token}"}
        async with httpx.AsyncClient(base_url=realtime.origin, headers=headers, timeout=40, limits=limits) as client:
            query = {"stream": person.stream, "since": since, "wait": 30}
            waiting = [asyncio.create_task(client.get(PATH, params=query)) for _ in range(150)]
            await asyncio.sleep(4)
            assert not any(task.done() for task in waiting)
            async with await realtime.connect(person.token) as socket:
                assert (await socket.call("ping"))["ok"]
            began = time.monotonic()
            assert (await client.get("/health/live")).status_code == 200
            assert time.monotonic() - began < 2
            await aside(publish, stream=person.stream)
            answers = await asyncio.gather(*waiting)
            assert {answer.status_code for answer in answers} == {200}
            assert {event["seq"] for answer in answers for event in answer.json()["data"]} == {since + 1}

    play(scenario())


def test_everything_else_is_not_served_here(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with http(realtime, person.token) as client:
            for path in ("/", "/api/v1/auth/me/", "/api/v1/events/streams/", "/admin/", "/ws/v1/", "/api/v1/events"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
            assert (await client.post(PATH, json={})).status_code == 405

    play(scenario())


def test_an_ended_session_cannot_wait(realtime: RealtimeProcess, person: Person) -> None:
    since = person.head().seq
    sessions.revoke_session(session=person.session, actor=person.user)

    answer, seconds = ask(realtime, person.token, stream=person.stream, since=since, wait=20)

    assert answer.status_code == 401
    assert seconds < 3
