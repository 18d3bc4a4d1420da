"""POST and DELETE /api/v1/chat/rooms/{id}/messages/{mid}/pin/, GET /api/v1/chat/rooms/{id}/pins/"""

import pytest
from django.utils import timezone

from api.v1.chat.tests.message_support import closed, fill, of, reader_of, refused
from api.v1.chat.tests.room_support import at, data, told
from core.models import AuditEntry
from modules.chat.models import Message, Room
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


@pytest.fixture
def message(room, other):
    """A message of the other one's."""
    return write(room, other)


def test_only_members_with_the_scope_are_let_in(api, user, room, message):
    closed(api, room, user, lambda caller: caller.post(of(message, "pin")))
    closed(api, room, user, lambda caller: caller.delete(of(message, "pin")))
    closed(api, room, user, lambda caller: caller.get(at(room, "pins")), scope="chat:read")


def test_a_moderator_pins_and_everybody_sees_it(as_user, as_other, user, room, message):
    later = write(room, user)
    assert data(as_user.post(of(message, "pin")))["pinned_at"] is not None
    as_user.post(of(later, "pin"))
    assert [row["id"] for row in data(as_other.get(at(room, "pins")))] == [str(later.pk), str(message.pk)]
    assert [(one["message"], one["is_pinned"]) for one in told(f"room:{room.pk}", "message.pinned")] == [
        (str(message.pk), True),
        (str(later.pk), True),
    ]
    assert AuditEntry.objects.filter(action="chat.message_pinned", actor_id=user.pk).count() == 2


def test_twice_is_once_and_so_is_taking_it_off(as_user, room, message):
    assert [as_user.post(of(message, "pin")).status_code for _ in range(2)] == [200, 200]
    assert [as_user.delete(of(message, "pin")).status_code for _ in range(2)] == [204, 204]
    assert [one["is_pinned"] for one in told(f"room:{room.pk}", "message.pinned")] == [True, False]
    assert data(as_user.get(at(room, "pins"))) == []


def test_members_of_a_private_room_do_not_but_those_of_a_group_do(as_other, user, other, message):
    refused(lambda: as_other.post(of(message, "pin")), 403, "role_insufficient")
    refused(lambda: as_other.delete(of(message, "pin")), 403, "role_insufficient")
    group = make_room(user, other, kind="group")
    assert as_other.post(of(write(group, user), "pin")).status_code == 200


def test_guests_and_readers_do_not(api, as_guest, guest, room, message):
    put_in(room, guest, "guest")
    reader = reader_of(api, room)
    for caller in (as_guest, reader):
        refused(lambda caller=caller: caller.post(of(message, "pin")), 403, "role_insufficient")


def test_a_room_has_so_many(as_user, user, room, message):
    fill(room, user, 50)
    Message.objects.exclude(pk=message.pk).update(pinned_at=timezone.now())
    refused(lambda: as_user.post(of(message, "pin")), 409, "too_many_pins")
    as_user.delete(of(Message.objects.exclude(pk=message.pk).first(), "pin"))
    assert as_user.post(of(message, "pin")).status_code == 200
    assert len(data(as_user.get(at(room, "pins")))) == 50


def test_neither_a_deleted_message_nor_one_in_an_archived_room_is_pinned(as_user, user, room, message):
    as_user.delete(of(message))
    refused(lambda: as_user.post(of(message, "pin")), 409, "message_deleted")
    living = write(room, user)
    Room.objects.filter(pk=room.pk).update(archived_at=timezone.now())
    refused(lambda: as_user.post(of(living, "pin")), 409, "room_archived")


def test_since_joining_shows_no_older_pins(as_user, as_other, user, other):
    room = make_room(user, history="since_joining")
    old = write(room, user)
    as_user.post(of(old, "pin"))
    put_in(room, other)
    assert data(as_other.get(at(room, "pins"))) == []
    assert len(data(as_user.get(at(room, "pins")))) == 1


def test_the_list_takes_the_same_queries_for_many(as_user, user, room, django_assert_num_queries):
    as_user.get(at(room, "pins"))
    fill(room, user, 20)
    Message.objects.update(pinned_at=timezone.now())
    # Where one is, the messages.
    with django_assert_num_queries(2):
        assert len(data(as_user.get(at(room, "pins")))) == 20
