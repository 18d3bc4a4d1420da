"""Coming in and going out: counts stay right under concurrency, and what came before stays hidden where it should."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from core.principals import Principal
from events.models import Event
from events.selectors import head
from events.streams import earliest
from modules.chat.choices import Role
from modules.chat.exceptions import LastOwner, RoomFull
from modules.chat.models import Member
from modules.chat.selectors import history, member_of
from modules.chat.services import members, rooms
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def principal_of(user: User) -> Principal:
    return Principal(
        kind="session",
        user_id=user.pk,
        credential_id=uuid4(),
        is_staff=False,
        is_guest=False,
        scopes=None,
        expires_at=0,
        limits=(),
    )


def at_once(*works):
    """Run all of them at the same moment; what each raised, or None."""
    together, outcomes = threading.Barrier(len(works)), [None] * len(works)

    def run(index):
        try:
            together.wait()
            works[index]()
        except Exception as error:
            outcomes[index] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_who_joins_a_room_without_a_past_sees_and_recovers_only_what_came_since(user, other):
    room = make_room(user, kind="public", history="since_joining")
    write(room, user, "before")
    members.join_room(room=room, actor=other)
    write(room, user, "after")
    member = member_of(room.pk, other.pk)
    assert (member.joined_number, member.read_number) == (1, 1)
    assert [message.text for message in history(member).messages] == ["after"]
    assert [message.text for message in history(member_of(room.pk, user.pk)).messages] == ["before", "after"]
    stream = f"room:{room.pk}"
    start = earliest(principal_of(other), stream)
    seen = Event.objects.filter(stream=stream, seq__gt=start).order_by("seq")
    assert [event.type for event in seen] == ["member.joined", "message.created"]
    assert earliest(principal_of(user), stream) == 0


def test_who_comes_back_has_lost_what_was_said_meanwhile(user, other):
    room = make_room(user, other, kind="public", history="since_joining")
    write(room, user, "first")
    members.leave_room(room=room, actor=other)
    write(room, user, "meanwhile")
    members.join_room(room=room, actor=other)
    assert history(member_of(room.pk, other.pk)).messages == []


def test_a_room_that_is_narrowed_later_shows_each_what_came_since_joining(user, other):
    room = make_room(user, kind="public")
    write(room, user, "before")
    members.join_room(room=room, actor=other)
    rooms.update_room(room=room, actor=user, history="since_joining")
    assert history(member_of(room.pk, other.pk)).messages == []
    assert earliest(principal_of(other), f"room:{room.pk}") > 0


def test_the_last_place_is_taken_once(user, settings):
    settings.CHAT_MAX_MEMBERS = 3
    room = make_room(user, make_user(), kind="public")
    people = [make_user() for _ in range(4)]
    outcomes = at_once(*(lambda one=one: members.join_room(room=room, actor=one) for one in people))
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, RoomFull, RoomFull, RoomFull]))
    room.refresh_from_db()
    assert room.member_count == Member.objects.filter(room=room).count() == 3


def test_of_two_owners_who_leave_at_once_one_stays(user, other):
    room = make_room(user, make_user())
    put_in(room, other, Role.OWNER)
    outcomes = at_once(*(lambda one=one: members.leave_room(room=room, actor=one) for one in (user, other)))
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, LastOwner]))
    assert Member.objects.filter(room=room, role=Role.OWNER).count() == 1


def test_two_owners_who_step_down_at_once_leave_one(user, other):
    room = make_room(user, make_user())
    put_in(room, other, Role.OWNER)
    outcomes = at_once(
        *(lambda one=one: members.change_member(room=room, actor=one, user_id=one.pk, role=Role.MEMBER) for one in (user, other))
    )
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, LastOwner]))
    assert Member.objects.filter(room=room, role=Role.OWNER).count() == 1


def test_in_a_room_that_keeps_messages_for_days_the_past_of_its_stream_ends_with_them(user: User, other: User) -> None:
    kept_for_a_day, for_ever = make_room(user, other, retention_days=1), make_room(user, other)
    for room in (kept_for_a_day, for_ever):
        write(room, user, "secret")
    streams = [f"room:{room.pk}" for room in (kept_for_a_day, for_ever)]
    principal = principal_of(other)
    assert [earliest(principal, stream) for stream in streams] == [0, 0]
    before = head(streams[0]).seq
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        write(kept_for_a_day, user, "new")
        assert [earliest(principal, stream) for stream in streams] == [before, 0]
    assert head(streams[0]).seq == before + 1
