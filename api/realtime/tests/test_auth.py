"""The first frame: who may open a socket, with what, and for how long."""

import time
from datetime import timedelta
from typing import Any

import pytest

from api import gate, tickets
from api.realtime import credentials
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play, timed
from api_keys.tests.factories import make_key
from config.tests.realtime_client import Client
from core.limits import parse_policy
from core.principals import Principal, Refusal
from users.services import sessions
from users.tokens import SessionAccessToken


def refused(realtime: RealtimeProcess, token: Any) -> tuple[str, int]:
    """What a token is refused with: the error's code and the close code."""

    async def scenario() -> tuple[str, int]:
        client = await realtime.connect()
        answer = await client.call("auth", token=token)
        assert answer["ok"] is False
        return answer["err"]["code"], await client.closed()

    return play(scenario())


def ticket_for(header: str) -> str:
    principal = gate.resolve(header)
    assert isinstance(principal, Principal)
    return tickets.issue(principal)


def test_a_token_opens_the_socket_and_the_answer_tells_the_limits(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.token) as client:
            hello = client.hello["d"]
            assert hello["user"] == str(person.user.pk)
            assert hello["ping"] == 25
            assert hello["limits"] == {"streams": 200, "streams_per_frame": 50, "frame_bytes": 65_536}
            assert abs(hello["ts"] / 1000 - time.time()) < 5
            assert len(hello["conn"]) == 36

    play(scenario())


def test_a_key_opens_the_socket(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        async with await realtime.connect(person.key.raw) as client:
            assert client.hello["d"]["user"] == str(person.user.pk)

    play(scenario())


def test_without_an_auth_frame_the_socket_closes_after_five_seconds(realtime: RealtimeProcess) -> None:
    async def scenario() -> tuple[int, float]:
        return await timed((await realtime.connect()).closed())

    code, seconds = play(scenario())
    assert code == 4401
    assert 4.5 < seconds < 8


@pytest.mark.parametrize("command", ["sub", "ping", "unsub", "nothing"])
def test_a_command_before_auth_closes_the_socket(realtime: RealtimeProcess, person: Person, command: str) -> None:
    async def scenario() -> None:
        client = await realtime.connect()
        answer = await client.call(command, streams={person.stream: {}})
        assert answer["err"]["code"] == "not_authenticated"
        assert await client.closed() == 4401

    play(scenario())


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("nonsense", "invalid_token"),
        ("a.b.c", "invalid_token"),
        ("\u0000\U0001f511 ü", "invalid_token"),
        ("x" * 4096, "invalid_credentials"),
        ("sk_live_nonsense", "invalid_token"),
        ("tkt_" + "A" * 43, "invalid_ticket"),
        ("tkt_", "invalid_ticket"),
    ],
)
def test_a_wrong_token_is_refused(realtime: RealtimeProcess, token: str, code: str) -> None:
    assert refused(realtime, token) == (code, 4401)


@pytest.mark.parametrize("token", [None, "", 7, ["x"], {"a": 1}, "x" * 4097])
def test_what_is_no_token_at_all_is_refused(realtime: RealtimeProcess, token: Any) -> None:
    assert refused(realtime, token) == ("not_authenticated", 4401)


def test_an_ended_session_and_a_revoked_key_open_nothing(realtime: RealtimeProcess, person: Person) -> None:
    from api_keys import services as keys

    keys.revoke_key(key=person.key.key, actor=person.user)
    sessions.revoke_session(session=person.session, actor=person.user)

    assert refused(realtime, person.key.raw)[1] == 4401
    assert refused(realtime, person.token)[1] == 4401


def test_a_token_that_expires_ends_its_connection(
    realtime: RealtimeProcess, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionAccessToken, "lifetime", timedelta(seconds=3))
    token = sessions.open_session(user=person.user).tokens.access
    opened = time.time()

    async def scenario() -> None:
        client = await realtime.connect(token)
        await client.subscribe(**{person.stream: {}})
        frame = await client.frame()
        assert (frame["t"], frame["d"]["code"]) == ("end", "invalid_token")
        assert await client.closed() == 4401

    play(scenario())
    assert 1.5 < time.time() - opened < 5


def test_a_new_token_of_the_same_person_keeps_the_connection(
    realtime: RealtimeProcess, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionAccessToken, "lifetime", timedelta(seconds=3))
    short = sessions.open_session(user=person.user).tokens.access

    async def scenario() -> None:
        async with await realtime.connect(short) as client:
            await client.subscribe(**{person.stream: {}})
            renewed = await client.call("auth", token=person.token)
            assert renewed["ok"]
            assert renewed["d"]["conn"] == client.hello["d"]["conn"]
            await client.silence(4)
            assert (await client.call("ping"))["ok"]

    play(scenario())


def test_a_token_of_somebody_else_on_an_open_connection_ends_it(
    realtime: RealtimeProcess, person: Person, outsider: Person
) -> None:
    async def scenario() -> None:
        client = await realtime.connect(person.token)
        answer = await client.call("auth", token=outsider.token)
        assert answer["err"]["code"] == "invalid_credentials"
        assert await client.closed() == 4401

    play(scenario())


@pytest.mark.parametrize("kind", ["session", "api_key"])
def test_a_ticket_opens_the_socket_once(realtime: RealtimeProcess, person: Person, kind: str) -> None:
    ticket = ticket_for(f"Bearer {person.token}" if kind == "session" else f"ApiKey {person.key.raw}")

    async def scenario() -> None:
        async with await realtime.connect(ticket) as client:
            assert client.hello["d"]["user"] == str(person.user.pk)
            assert person.stream in await client.subscribe(**{person.stream: {}})

    play(scenario())
    assert refused(realtime, ticket) == ("invalid_ticket", 4401)


def test_of_many_that_come_with_one_ticket_one_gets_in(realtime: RealtimeProcess, person: Person) -> None:
    import asyncio

    ticket = ticket_for(f"Bearer {person.token}")

    async def scenario() -> list[bool]:
        clients = [await realtime.connect() for _ in range(8)]
        answers = await asyncio.gather(*(client.call("auth", token=ticket) for client in clients))
        for client in clients:
            await client.close()
        return [answer["ok"] for answer in answers]

    assert sorted(play(scenario())) == [False] * 7 + [True]


def test_a_ticket_of_a_session_that_ended_meanwhile_opens_nothing(realtime: RealtimeProcess, person: Person) -> None:
    ticket = ticket_for(f"Bearer {person.token}")
    sessions.revoke_session(session=person.session, actor=person.user)

    assert refused(realtime, ticket)[1] == 4401


def test_a_key_without_the_scope_gets_in_and_may_follow_nothing(realtime: RealtimeProcess, person: Person) -> None:
    from events.tests.support import publish

    bare = make_key(person.user, scopes=["account:read"])

    async def scenario() -> None:
        async with await realtime.connect(bare.raw) as client:
            answer = await client.subscribe(**{person.stream: {"since": 0}})
            assert answer == {person.stream: {"error": {"code": "stream_not_found"}}}
            await aside(publish, stream=person.stream)
            await client.silence(1)

    play(scenario())


def test_a_key_bound_to_other_networks_is_refused(realtime: RealtimeProcess, person: Person) -> None:
    key = make_key(person.user, allowed_networks=["192.0.2.0/24"])

    assert refused(realtime, key.raw) == ("address_not_allowed", 4401)


def test_auth_cannot_be_sent_in_the_url(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> int:
        client = await Client.open(realtime.port, path=f"/ws/v1/?token={person.token}")
        answer = await client.call("ping")
        assert answer["err"]["code"] == "not_authenticated"
        return await client.closed()

    assert play(scenario()) == 4401


@pytest.mark.django_db(transaction=True)
def test_guessing_from_one_address_is_stopped_and_a_right_token_from_there_is_not(
    monkeypatch: pytest.MonkeyPatch, person: Person
) -> None:
    monkeypatch.setattr(gate, "anonymous_policy", lambda: parse_policy("anonymous", "3/60"))
    here, elsewhere = f"198.51.100.{person.user.pk.int % 250}", "203.0.113.7"

    def said(token: str, address: str) -> str:
        outcome = credentials.find(token, address)[1]
        return outcome.code if isinstance(outcome, Refusal) else "signed in"

    refused = [said(f"atl_live_{number:040}", here) for number in range(5)]
    assert refused == ["invalid_api_key"] * 3 + ["address_throttled"] * 2
    assert said(person.token, here) == "signed in"
    assert said("atl_live_other", elsewhere) == "invalid_api_key"
