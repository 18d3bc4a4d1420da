"""The end of a right ends the connection or the subscription in less than a second."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api import gate, tickets
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play, timed
from api_keys import services as keys
from core.principals import Principal
from events.tests.support import publish
from users.models import User
from users.services import accounts, sessions

ENDS: dict[str, tuple[str, Callable[[Person], Any]]] = {
    "key revoked": ("key", lambda person: keys.revoke_key(key=person.key.key, actor=person.user)),
    "key switched off": ("key", lambda person: keys.update_key(key=person.key.key, actor=person.user, is_active=False)),
    "key bound elsewhere": (
        "key",
        lambda person: keys.update_key(key=person.key.key, actor=person.user, allowed_networks=["192.0.2.0/24"]),
    ),
    "session ended": ("token", lambda person: sessions.revoke_session(session=person.session, actor=person.user)),
    "all sessions ended": ("token", lambda person: sessions.revoke_others(user=person.user, keep=None)),
    "deactivated, token": ("token", lambda person: accounts.deactivate_user(user=person.user, actor=None)),
    "deactivated, key": ("key", lambda person: accounts.deactivate_user(user=person.user, actor=None)),
    "session ended, ticket": ("ticket", lambda person: sessions.revoke_session(session=person.session, actor=person.user)),
}


def credential(person: Person, kind: str) -> str:
    if kind == "ticket":
        principal = gate.resolve(f"Bearer {person.token}")
        assert isinstance(principal, Principal)
        return tickets.issue(principal)
    return person.key.raw if kind == "key" else person.token


@pytest.mark.parametrize("name", ENDS)
def test_the_end_of_access_closes_the_socket(realtime: RealtimeProcess, person: Person, outsider: Person, name: str) -> None:
    kind, end = ENDS[name]
    token = credential(person, kind)

    async def scenario() -> float:
        client, other = await realtime.connect(token), await realtime.connect(outsider.token)
        await client.subscribe(**{person.stream: {}})
        await aside(end, person)
        code, seconds = await timed(client.closed())
        assert code == 4401
        # What told of its own end may still have been delivered; the last word is why.
        assert client.left[-1]["t"] == "end"
        assert (await other.call("ping"))["ok"]
        await other.close()
        return seconds

    assert play(scenario()) < 1.0


def test_other_sessions_of_the_person_go_on(realtime: RealtimeProcess, person: Person) -> None:
    second = sessions.open_session(user=person.user)

    async def scenario() -> None:
        ending, staying = await realtime.connect(second.tokens.access), await realtime.connect(person.token)
        await staying.subscribe(**{person.stream: {}})
        await aside(sessions.revoke_session, session=second.session, actor=person.user)
        assert await ending.closed() == 4401
        assert (await staying.frame())["t"] == "session.revoked"
        assert (await staying.call("ping"))["ok"]
        await staying.close()

    play(scenario())


def test_a_scope_taken_from_the_key_ends_the_subscription_and_not_the_connection(
    realtime: RealtimeProcess, person: Person
) -> None:
    async def scenario() -> float:
        async with await realtime.connect(person.key.raw) as client:
            await client.subscribe(**{person.stream: {}})
            await aside(keys.update_key, key=person.key.key, actor=person.user, scopes=["account:read"])
            began = time.monotonic()
            while (frame := await client.frame())["t"] != "unsubscribed":
                assert frame["s"] == person.stream
            seconds = time.monotonic() - began
            assert frame == {"t": "unsubscribed", "s": person.stream, "d": {"code": "stream_not_found"}}
            await aside(publish, stream=person.stream)
            await client.silence(0.5)
            answer = await client.subscribe(**{person.stream: {}})
            assert answer[person.stream] == {"error": {"code": "stream_not_found"}}
            return seconds

    assert play(scenario()) < 1.0


def test_a_subscription_that_races_the_end_of_access_follows_nothing_afterwards(
    realtime: RealtimeProcess, person: Person
) -> None:
    """Whichever comes first, no event arrives later than a second after the end of access."""

    async def race(number: int) -> None:
        key = await aside(keys.create_key, name=f"race {number}", owner=person.user, actor=person.user, scopes=["events:read"])
        client = await realtime.connect(key.raw)
        ending = asyncio.create_task(aside(keys.revoke_key, key=key.key, actor=person.user))
        await asyncio.sleep(0.004 * number)
        # The end of access may have come first.
        with contextlib.suppress(ConnectionClosed):
            await client.say({"id": 900, "t": "sub", "streams": {person.stream: {}}})
        await ending
        assert await client.closed(1.5) == 4401

    async def scenario() -> None:
        for number in range(10):
            await race(number)

    play(scenario())


def test_a_storm_of_changes_ends_the_right_connections(realtime: RealtimeProcess, person: Person, outsider: Person) -> None:
    def storm() -> None:
        for _ in range(30):
            keys.update_key(key=outsider.key.key, actor=outsider.user, name="again")
        keys.revoke_key(key=person.key.key, actor=person.user)
        for _ in range(30):
            keys.update_key(key=outsider.key.key, actor=outsider.user, name="and again")

    async def scenario() -> None:
        mine = [await realtime.connect(person.key.raw) for _ in range(4)]
        others = [await realtime.connect(outsider.key.raw) for _ in range(4)]
        await aside(storm)
        assert [await client.closed(1.0) for client in mine] == [4401] * 4
        for client in others:
            assert (await client.call("ping"))["ok"]
            await client.close()

    play(scenario())
    assert User.objects.filter(pk=person.user.pk, is_active=True).exists()
