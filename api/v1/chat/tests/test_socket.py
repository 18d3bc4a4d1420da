"""Chat on the socket: sending, typing, reading and following, by everybody who may and nobody else."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from api.realtime.tests.process import RealtimeProcess
from api_keys.tests.factories import make_key
from events import selectors
from modules.chat import joining
from modules.chat.choices import History, Role, RoomKind
from modules.chat.models import Ban, Member, Message, Room
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User
from users.services import sessions
from users.tests.factories import make_guest, make_user

REFUSED = "refused"


@pytest.fixture(scope="module")
def process(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealtimeProcess]:
    with django_db_blocker.unblock():
        started = RealtimeProcess(tmp_path_factory.mktemp("chat") / "log", CHAT_LIMIT_SENDER="1000/1", CHAT_LIMIT_GUEST="5/60")
    yield started.wait_ready()
    started.stop()


@pytest.fixture
def realtime(process: RealtimeProcess, transactional_db: None) -> Iterator[RealtimeProcess]:
    before = len(process.log())
    yield process
    said = process.log()[before:]
    assert "Traceback" not in said, said


def token(user: User) -> str:
    return sessions.open_session(user=user).tokens.access


def play(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(scenario)


def stream(room: Room) -> str:
    return f"room:{room.pk}"


def test_what_is_sent_is_acknowledged_with_its_place_and_reaches_who_follows(realtime: RealtimeProcess) -> None:
    ada, grace = make_user(username="ada"), make_user(username="grace")
    room = make_room(ada, grace)
    tokens, cid = [token(ada), token(grace)], str(uuid4())

    async def scenario() -> tuple[Any, Any, Any, Any]:
        async with await realtime.connect(tokens[0]) as writer, await realtime.connect(tokens[1]) as reader:
            await reader.subscribe(**{stream(room): {}})
            said = {"room": str(room.pk), "cid": cid, "d": {"text": "hello"}}
            first, again = await writer.call("message.send", **said), await writer.call("message.send", **said)
            heard = await reader.frame()
            while heard["t"] != "message.created":
                heard = await reader.frame()
            late = await writer.subscribe(**{stream(room): {"since": first["d"]["seq"] - 1}})
            return first, again, heard, late

    first, again, heard, late = play(scenario())
    assert first["ok"]
    assert first["d"] == {"message": heard["d"]["message"], "number": 1, "seq": heard["seq"], "duplicate": False}
    assert again["d"] == {"message": heard["d"]["message"], "number": 1, "seq": None, "duplicate": True}
    assert heard["d"]["text"] == "hello"
    assert heard["d"]["cid"] == cid
    assert [event["seq"] for event in late[stream(room)]["events"]] == [heard["seq"]]
    assert Message.objects.count() == 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"cid": None}, "cid"),
    ({"cid": "no"}, "cid"),
    ({"room": "no"}, "room"),
    ({"room": 7}, "room"),
    ({"d": "text"}, "d"),
    ({"d": {"text": ["no"]}}, "text"),
    ({"d": {"text": "x" * 8001}}, "text"),
    ({"d": {"text": " \u200b\u2060 "}}, "text"),
    ({"d": {"text": "a\x00b"}}, "text"),
    ({"d": {"text": "x", "files": "no"}}, "files"),
    ({"d": {"text": "x", "files": ["no"]}}, "files"),
    ({"d": {"text": "x", "files": [str(uuid4())]}}, "files"),
    ({"d": {"text": "x", "root": str(uuid4())}}, "root"),
    ({"d": {"text": "x", "reply_to": {}}}, "reply_to"),
]


def test_bad_messages_are_refused_with_the_field(realtime: RealtimeProcess) -> None:
    ada = make_user(username="ada")
    room, opened = make_room(ada), token(ada)

    async def scenario() -> list[Any]:
        async with await realtime.connect(opened) as client:
            good = {"room": str(room.pk), "cid": str(uuid4()), "d": {"text": "x"}}
            return [await client.call("message.send", **{**good, **bad}) for bad, _ in BAD]

    answers = play(scenario())
    assert [(answer["err"]["code"], answer["err"]["details"][0]["field"]) for answer in answers] == [
        ("invalid", field) for _, field in BAD
    ]
    assert not any(answer["err"]["temporary"] for answer in answers)
    assert not Message.objects.exists()


def test_markup_and_scripts_are_text(realtime: RealtimeProcess) -> None:
    ada = make_user(username="ada")
    room, opened = make_room(ada), token(ada)
    text = "<script>alert(1)</script> \u202etxt.exe <b>&amp;</b>"

    async def scenario() -> Any:
        async with await realtime.connect(opened) as client:
            await client.subscribe(**{stream(room): {}})
            await client.call("message.send", room=str(room.pk), cid=str(uuid4()), d={"text": text})
            heard = await client.frame()
            while heard["t"] != "message.created":
                heard = await client.frame()
            return heard

    assert play(scenario())["d"]["text"] == text
    assert Message.objects.get().text == text


# Each command by each sort of caller: what it comes to. `sub` is following the room.
EXPECTED: dict[str, dict[str, str]] = {
    "owner": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "ok"},
    "admin": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "ok"},
    "moderator": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "ok"},
    "member": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "ok"},
    "guest": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "ok"},
    "read_only": {"message.send": "role_insufficient", "typing": "role_insufficient", "read": "ok", "sub": "ok"},
    "muted": {"message.send": "muted", "typing": "ok", "read": "ok", "sub": "ok"},
    "outsider": dict.fromkeys(("message.send", "typing", "read"), "room_not_found") | {"sub": "stream_not_found"},
    "banned": dict.fromkeys(("message.send", "typing", "read"), "room_not_found") | {"sub": "stream_not_found"},
    "key to read": dict.fromkeys(("message.send", "typing", "read"), "insufficient_scope") | {"sub": "ok"},
    "key to write": {"message.send": "ok", "typing": "ok", "read": "ok", "sub": "stream_not_found"},
}
IN_BROADCAST = {"owner": "ok", "admin": "ok", "moderator": "ok", "member": "role_insufficient", "guest": "role_insufficient"}


def cast(room: Room, owner: User) -> dict[str, str]:
    """A credential of each sort of caller."""
    people: dict[str, User] = {"owner": owner}
    for role in (Role.ADMIN, Role.MODERATOR, Role.MEMBER, Role.READ_ONLY):
        people[role] = make_user(username=f"the-{role}".replace("_", "-"))
        put_in(room, people[role], role)
    people["guest"] = make_guest()
    put_in(room, people["guest"], Role.GUEST)
    people["muted"], people["banned"], people["outsider"] = (make_user(username=name) for name in ("muted", "banned", "outsider"))
    put_in(room, people["muted"])
    Member.objects.filter(user=people["muted"]).update(muted_until=timezone.now() + timedelta(hours=1))
    Ban.objects.create(room=room, user=people["banned"])
    keys = {
        "key to read": make_key(owner, scopes=["events:read", "chat:read"]).raw,
        "key to write": make_key(owner, scopes=["events:read", "chat:write"]).raw,
    }
    return {name: token(user) for name, user in people.items()} | keys


async def outcome(realtime: RealtimeProcess, credential: str, room: Room, command: str) -> str:
    fields: dict[str, dict[str, Any]] = {
        "message.send": {"room": str(room.pk), "cid": str(uuid4()), "d": {"text": "x"}},
        "typing": {"room": str(room.pk)},
        "read": {"room": str(room.pk), "number": 1},
        "sub": {"streams": {stream(room): {}}},
    }
    async with await realtime.connect(credential) as client:
        answer = await client.call(command, **fields[command])
    if command == "sub":
        return str(answer["d"][stream(room)].get("error", {}).get("code", "ok"))
    return "ok" if answer["ok"] else str(answer["err"]["code"])


def test_each_command_by_each_sort_of_caller(realtime: RealtimeProcess) -> None:
    owner = make_user(username="owner")
    room = make_room(owner)
    credentials = cast(room, owner)

    async def scenario() -> dict[str, dict[str, str]]:
        return {
            name: {command: await outcome(realtime, credentials[name], room, command) for command in commands}
            for name, commands in EXPECTED.items()
        }

    assert play(scenario()) == EXPECTED
    writers = [name for name, commands in EXPECTED.items() if commands["message.send"] == "ok"]
    assert Message.objects.count() == len(writers)


def test_in_a_broadcast_room_only_those_who_look_after_it_write(realtime: RealtimeProcess) -> None:
    owner = make_user(username="owner")
    room = make_room(owner, kind=RoomKind.BROADCAST)
    credentials = cast(room, owner)

    async def scenario() -> dict[str, str]:
        return {name: await outcome(realtime, credentials[name], room, "message.send") for name in IN_BROADCAST}

    assert play(scenario()) == IN_BROADCAST
    assert Message.objects.count() == 3


def test_a_guest_who_writes_too_fast_is_told_when_to_go_on(realtime: RealtimeProcess) -> None:
    owner, guest = make_user(username="owner"), make_guest()
    room = make_room(owner)
    put_in(room, guest, Role.GUEST)
    opened = token(guest)

    async def scenario() -> list[Any]:
        async with await realtime.connect(opened) as client:
            return [
                await client.call("message.send", room=str(room.pk), cid=str(uuid4()), d={"text": str(number)})
                for number in range(7)
            ]

    answers = play(scenario())
    assert [answer["ok"] for answer in answers] == [True] * 5 + [False] * 2
    error = answers[-1]["err"]
    assert (error["code"], error["temporary"]) == ("rate_limited", True)
    assert 0 < error["retry_ms"] <= 12_500
    assert Message.objects.count() == 5


def test_typing_is_told_to_the_others_and_kept_nowhere(realtime: RealtimeProcess) -> None:
    ada, grace = make_user(username="ada"), make_user(username="grace")
    room = make_room(ada, grace)
    tokens, head = [token(ada), token(grace)], selectors.head(stream(room))

    async def scenario() -> Any:
        async with await realtime.connect(tokens[0]) as writer, await realtime.connect(tokens[1]) as reader:
            await reader.subscribe(**{stream(room): {}})
            for _ in range(3):
                assert (await writer.call("typing", room=str(room.pk)))["ok"]
            heard = await reader.frame()
            while heard["t"] != "typing":
                heard = await reader.frame()
            more = [frame["t"] for frame in reader.left]
            return heard, more

    heard, more = play(scenario())
    assert heard == {"t": "typing", "s": stream(room), "d": {"room": str(room.pk), "user": str(ada.pk)}}
    assert "typing" not in more
    assert selectors.head(stream(room)) == head


def test_reading_moves_forward_only_and_is_told_to_one_s_other_devices(realtime: RealtimeProcess) -> None:
    ada, grace = make_user(username="ada"), make_user(username="grace")
    room = make_room(ada, grace)
    for number in range(5):
        write(room, grace, str(number))
    tokens = [token(ada), token(ada)]

    async def scenario() -> Any:
        async with await realtime.connect(tokens[0]) as phone, await realtime.connect(tokens[1]) as desk:
            await desk.subscribe(**{f"user:{ada.pk}": {}})
            numbers = [(await phone.call("read", room=str(room.pk), number=number))["d"]["number"] for number in (3, 1, 99)]
            return numbers, [await desk.frame(), await desk.frame()]

    numbers, heard = play(scenario())
    assert numbers == [3, 3, 5]
    assert [(frame["t"], frame["d"]["number"]) for frame in heard] == [("chat.read", 3), ("chat.read", 5)]


def test_who_comes_and_goes_is_seen_once_each(realtime: RealtimeProcess, as_user: Any, user: User) -> None:
    grace = make_user(username="grace")
    room = make_room(user, grace)
    tokens = [token(user), token(grace), token(grace)]

    async def scenario() -> Any:
        async with await realtime.connect(tokens[0]) as watcher:
            await watcher.subscribe(**{stream(room): {}})
            seen = [await presence(watcher, user)]
            async with await realtime.connect(tokens[1]) as phone, await realtime.connect(tokens[2]) as desk:
                await phone.subscribe(**{stream(room): {}})
                await desk.subscribe(**{stream(room): {}})
                seen.append(await presence(watcher, grace))
                there = await asyncio.to_thread(lambda: as_user.get(f"/api/v1/chat/rooms/{room.pk}/presence/").json()["data"])
            seen.append(await presence(watcher, grace))
            return seen, there, [frame for frame in watcher.left if frame["t"] == "presence"]

    seen, there, more = play(scenario())
    assert seen == [True, True, False]
    assert there == {"count": 2, "users": sorted([str(user.pk), str(grace.pk)])}
    assert more == []


async def presence(client: Any, user: User) -> bool:
    """The next word about somebody's presence."""
    while True:
        frame = await client.frame(12)
        if frame["t"] == "presence" and frame["d"]["user"] == str(user.pk):
            return bool(frame["d"]["is_online"])


@pytest.mark.parametrize("reason", ["removed", "banned"])
def test_who_is_put_out_hears_no_more_within_a_second(realtime: RealtimeProcess, reason: str) -> None:
    owner, other = make_user(username="owner"), make_user(username="other")
    room = make_room(owner, other)
    opened = token(other)

    def put_out() -> None:
        with transaction.atomic():
            joining.remove(joining.locked(room.pk), Member.objects.get(room=room, user=other), reason)

    async def scenario() -> Any:
        async with await realtime.connect(opened) as client:
            await client.subscribe(**{stream(room): {}})
            await asyncio.to_thread(closing(put_out))
            ended = await client.frame(5)
            while ended["t"] != "unsubscribed":
                ended = await client.frame(5)
            await asyncio.to_thread(closing(lambda: write(room, owner, "behind the door")))
            await client.silence(0.7)
            return ended, await client.call("message.send", room=str(room.pk), cid=str(uuid4()), d={"text": "let me in"})

    ended, answer = play(scenario())
    assert ended["s"] == stream(room)
    assert answer["err"]["code"] == "room_not_found"


def test_what_was_before_one_joined_is_not_recovered_where_history_is_hidden(realtime: RealtimeProcess) -> None:
    owner, late = make_user(username="owner"), make_user(username="late")
    room = make_room(owner, history=History.SINCE_JOINING)
    write(room, owner, "among ourselves")
    put_in(room, late)
    write(room, owner, "welcome")
    opened, joined = token(late), Member.objects.get(user=late).joined_seq

    async def scenario() -> Any:
        async with await realtime.connect(opened) as client:
            hidden = await client.subscribe(**{stream(room): {"since": 0}})
            own = await client.subscribe(**{stream(room): {"since": joined}})
            return hidden[stream(room)], own[stream(room)]

    hidden, own = play(scenario())
    assert hidden["recovered"] is False
    assert "events" not in hidden
    assert own["recovered"] is True
    assert [event["d"]["text"] for event in own["events"] if event["t"] == "message.created"] == ["welcome"]


def closing(work: Callable[[], Any]) -> Callable[[], Any]:
    """The same in a thread, whose connection to the database ends with it."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return run
