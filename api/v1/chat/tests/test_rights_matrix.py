"""Who may do what: each thing that can be done in a room, by each role and in each kind of room, and by those outside.

The table is written out here, apart from the one that decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from api.tests.answers import error
from api.v1.chat.tests.room_support import at
from conftest import Caller
from modules.chat.choices import AdmissionKind, Role, RoomKind
from modules.chat.models import Admission, Ban, ChatFile, Member, Message, Room
from modules.chat.rights import Action
from modules.chat.tests.factories import make_room, put_in
from users.models import User
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db
LETTERS = {
    "O": Role.OWNER,
    "A": Role.ADMIN,
    "M": Role.MODERATOR,
    "m": Role.MEMBER,
    "g": Role.GUEST,
    "r": Role.READ_ONLY,
}
TABLE = {
    "read": "OAMmgr",
    "leave": "OAMmgr",
    "see_members": "OAMmgr",
    "report": "OAMmgr",
    "send": "OAMmg",
    "attach": "OAMmg",
    "react": "OAMmg",
    "type": "OAMmg",
    "edit_own": "OAMmg",
    "delete_own": "OAMmg",
    "mention_all": "OAM",
    "pin": "OAM",
    "add_members": "OAM",
    "make_links": "OAM",
    "decide_requests": "OAM",
    "delete_any": "OAM",
    "mute": "OAM",
    "remove": "OAM",
    "ban": "OAM",
    "see_reports": "OAM",
    "edit_room": "OA",
    "change_roles": "OA",
    "manage_webhooks": "OA",
    "export": "OA",
    "archive": "OA",
    "delete_room": "O",
}
DIFFERENT = {
    RoomKind.PUBLIC: {},
    RoomKind.PRIVATE: {},
    RoomKind.GROUP: {"add_members": "OAMm", "pin": "OAMm", "mention_all": "OAMm"},
    RoomKind.BROADCAST: {"send": "OAM", "attach": "OAM", "type": "OAM", "edit_own": "OAM"},
}
# Of the two people of a direct room, who are members both.
IN_DIRECT = {
    *("read", "see_members", "report", "send", "attach", "react", "type", "edit_own", "delete_own"),
    *("pin", "export"),
}


@dataclass(frozen=True, slots=True)
class World:
    """A room with what the calls act upon."""

    room: Room
    message: Message
    victim: User
    newcomer: User
    request: Admission


def _write(room: Room, sender: User) -> Message:
    message: Message = Message.objects.create(room=room, number=room.last_number + 1, sender=sender, text="hello")
    room.last_number += 1
    room.save(update_fields=["last_number"])
    return message


def _send(text: str) -> Callable[[Caller, World, User], Any]:
    return lambda caller, world, me: caller.post(at(world.room, "messages"), {"text": text})


def _attach(caller: Caller, world: World, me: User) -> Any:
    file = ChatFile.objects.create(owner=me, kind="file", file="chat/x", filename="x.txt", mime_type="text/plain", size=1)
    return caller.post(at(world.room, "messages"), {"files": [str(file.pk)]})


def _own(method: str, body: Any = None) -> Callable[[Caller, World, User], Any]:
    return lambda caller, world, me: getattr(caller, method)(at(world.room, "messages", _write(world.room, me).pk), body)


def _of_room(method: str, *parts: str, body: Any = None) -> Callable[[Caller, World, User], Any]:
    return lambda caller, world, me: getattr(caller, method)(at(world.room, *parts), body)


def _of_message(method: str, *parts: str, body: Any = None) -> Callable[[Caller, World, User], Any]:
    return lambda caller, world, me: getattr(caller, method)(at(world.room, "messages", world.message.pk, *parts), body)


def _of_victim(method: str, body: Any = None) -> Callable[[Caller, World, User], Any]:
    return lambda caller, world, me: getattr(caller, method)(at(world.room, "members", world.victim.pk), body)


CALLS: dict[str, Callable[[Caller, World, User], Any]] = {
    "read": _of_room("get", "messages"),
    "leave": _of_room("post", "leave"),
    "see_members": _of_room("get", "members"),
    "report": _of_message("post", "report", body={"reason": "spam"}),
    "send": _send("hello"),
    "attach": _attach,
    "react": _of_message("put", "reactions", body={"emoji": "👍"}),
    "type": _of_room("post", "typing"),
    "edit_own": _own("patch", {"text": "better"}),
    "delete_own": _own("delete"),
    "mention_all": _send("hello @all"),
    "pin": _of_message("post", "pin"),
    "add_members": lambda caller, world, me: caller.post(
        at(world.room, "members"), {"user": str(world.newcomer.pk), "role": "read_only"}
    ),
    "make_links": _of_room("post", "links", body={}),
    "decide_requests": lambda caller, world, me: caller.post(at(world.room, "requests", world.request.pk, "approve")),
    "delete_any": _of_message("delete"),
    "mute": _of_victim("patch", {"muted_until": "2999-01-01T00:00:00Z"}),
    "remove": _of_victim("delete"),
    "ban": lambda caller, world, me: caller.post(at(world.room, "bans"), {"user": str(world.victim.pk)}),
    "see_reports": _of_room("get", "reports"),
    "edit_room": _of_room("patch", body={"topic": "new"}),
    "change_roles": _of_victim("patch", {"role": "member"}),
    "manage_webhooks": _of_room("post", "webhooks", body={"name": "Deploys"}),
    "export": _of_room("get", "export"),
    "archive": _of_room("post", "archive"),
    "delete_room": _of_room("delete"),
}


def outcome(action: str, caller: Caller, world: World, me: User) -> tuple[int, str]:
    """Status and code of the call; whatever it did is undone."""
    with transaction.atomic():
        answer = CALLS[action](caller, world, me)
        if answer.streaming:
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    world.room.refresh_from_db()
    if answer.status_code >= 400:
        return error(answer)
    means_all = action == "mention_all" and not answer.json()["data"]["mentions_all"]
    # That one is not refused: the words are written, and mean nobody.
    return (403, "role_insufficient") if means_all else (200, "done")


def make_world(kind: str, boss: User) -> World:
    room = make_room(boss, kind=kind, join_rule="invite")
    victim, newcomer, asking = make_user(password=None), make_user(password=None), make_user(password=None)
    put_in(room, victim, Role.READ_ONLY)
    request = Admission.objects.create(room=room, user=asking, kind=AdmissionKind.REQUEST)
    return World(room, _write(room, boss), victim, newcomer, request)


def test_the_table_has_everything_that_can_be_done():
    assert set(TABLE) == set(CALLS) == {action.value for action in Action}


@pytest.mark.parametrize("kind", DIFFERENT)
@pytest.mark.parametrize("action", TABLE)
def test_each_role_may_do_what_the_table_says_and_nothing_else(api, user, kind, action):
    world = make_world(kind, user)
    allowed = ""
    for letter, role in LETTERS.items():
        person = make_guest() if role == Role.GUEST else make_user(password=None)
        put_in(world.room, person, role)
        found = outcome(action, api.as_user(person), world, person)
        assert found in ((200, "done"), (403, "role_insufficient")), (letter, found)
        allowed += letter if found[0] == 200 else ""
    assert allowed == DIFFERENT[kind].get(action, TABLE[action])


@pytest.mark.parametrize("action", TABLE)
def test_two_people_are_equals(as_user, user, other, action):
    room = Room.objects.create(kind=RoomKind.DIRECT, direct_key=f"{user.pk}:{other.pk}", member_count=2)
    Member.objects.bulk_create([Member(room=room, user=person) for person in (user, other)])
    request = Admission.objects.create(room=room, user=make_user(), kind=AdmissionKind.REQUEST)
    world = World(room, _write(room, other), other, make_user(), request)
    assert outcome(action, as_user, world, user)[0] == (200 if action in IN_DIRECT else 403)


@pytest.mark.parametrize("kind", [RoomKind.PUBLIC, RoomKind.PRIVATE])
@pytest.mark.parametrize("action", TABLE)
def test_who_is_not_in_the_room_may_do_nothing_of_it(api, as_guest, guest, user, other, kind, action):
    world, banned = make_world(kind, user), make_user()
    Ban.objects.create(room=world.room, user=banned)
    once_banned = make_user()
    Ban.objects.create(room=world.room, user=once_banned, until=timezone.now())
    unseen, outside = (404, "room_not_found"), (403, "not_a_member")
    assert outcome(action, api, world, other) == (401, "not_authenticated")
    for person in (other, once_banned):
        assert outcome(action, api.as_user(person), world, person) == (outside if kind == RoomKind.PUBLIC else unseen)
    assert outcome(action, api.as_user(banned), world, banned) == unseen
    assert outcome(action, as_guest, world, guest) == unseen
