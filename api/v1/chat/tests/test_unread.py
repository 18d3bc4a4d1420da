"""GET /api/v1/chat/unread/, POST /api/v1/chat/rooms/{id}/read/ and .../typing/"""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.chat.tests.message_support import closed, fill, reader_of, refused
from api.v1.chat.tests.room_support import at, data, told
from modules.chat.models import Member, Room
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db
UNREAD = "/api/v1/chat/unread/"


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


def read(caller, room, number, **fields):
    return caller.post(at(room, "read"), {"number": number, **fields})


def test_only_members_with_the_scope_are_let_in(api, user, room, as_bare_key):
    write(room, user)
    closed(api, room, user, lambda caller: read(caller, room, 1))
    closed(api, room, user, lambda caller: caller.post(at(room, "typing")))
    assert_anonymous(api.get(UNREAD))
    assert_lacks_scope(as_bare_key.get(UNREAD), "chat:read")


def test_messages_mentions_and_threads_are_counted_until_they_are_read(as_other, user, other, room):
    root = write(room, other)
    write(room, user, f"@{other.username}")
    write(room, user, "@all")
    write(room, user, root_id=root.pk)
    (counted,) = data(as_other.get(UNREAD))
    assert counted == {"room": str(room.pk), "messages": 2, "mentions": 2, "threads": 1, "read_number": 1, "last_number": 3}
    assert data(read(as_other, room, 2)) == {"number": 2}
    assert data(read(as_other, room, 1, root=str(root.pk))) == {"number": 1}
    (counted,) = data(as_other.get(UNREAD))
    assert (counted["messages"], counted["mentions"], counted["threads"]) == (1, 1, 0)
    assert [(one["root"], one["number"]) for one in told(f"user:{other.pk}", "chat.read")] == [(None, 2), (str(root.pk), 1)]


def test_the_pointer_never_moves_back_nor_past_the_end(as_other, user, other, room):
    fill(room, user, 5)
    assert data(read(as_other, room, 4)) == {"number": 4}
    assert data(read(as_other, room, 2)) == {"number": 4}
    assert data(read(as_other, room, 2**53 - 1)) == {"number": 5}
    assert data(read(as_other, room, 5)) == {"number": 5}
    assert len(told(f"user:{other.pk}", "chat.read")) == 2


@pytest.mark.parametrize(
    ("number", "code"),
    [(-1, "min_value"), (2**53, "max_value"), ("x", "invalid"), (None, "null"), (1.5, "invalid"), ([], "invalid")],
)
def test_what_is_no_number_is_refused(as_user, room, number, code):
    assert wrong_fields(read(as_user, room, number)) == [("number", code)]


def test_a_thread_that_one_does_not_follow_is_not_read(as_other, user, room):
    root = write(room, user)
    refused(lambda: read(as_other, room, 1, root=str(root.pk)), 404, "message_not_found")
    refused(lambda: read(as_other, room, 1, root=str(uuid4())), 404, "message_not_found")
    assert wrong_fields(read(as_other, room, 1, root="x")) == [("root", "invalid")]


def test_who_may_only_read_reads_on(api, user, room):
    write(room, user)
    assert data(read(reader_of(api, room), room, 1)) == {"number": 1}


def test_a_public_room_is_joined_first(as_other, user):
    room = make_room(user, kind="public")
    refused(lambda: read(as_other, room, 1), 403, "not_a_member")


def test_two_hundred_rooms_are_counted_in_one_query(as_user, user):
    rooms = Room.objects.bulk_create(Room(kind="group", name=str(n), last_number=n) for n in range(200))
    Member.objects.bulk_create(Member(room=room, user=user) for room in rooms)
    as_user.get(UNREAD)
    with CaptureQueriesContext(connection) as queries:
        counted = data(as_user.get(UNREAD))
    assert len(queries) == 1
    assert sorted(row["messages"] for row in counted) == list(range(200))


def test_typing_is_kept_nowhere(as_user, as_guest, guest, room):
    put_in(room, guest, "guest")
    assert as_user.post(at(room, "typing")).status_code == 204
    assert as_user.post(at(room, "typing")).status_code == 204
    assert as_guest.post(at(room, "typing")).status_code == 204
    assert told(f"room:{room.pk}", "typing") == []


def test_who_may_not_write_does_not_type(api, room):
    reader = reader_of(api, room)
    refused(lambda: reader.post(at(room, "typing")), 403, "role_insufficient")


def test_an_unknown_room_is_not_found(as_user):
    for path in ("read", "typing"):
        assert error(as_user.post(at(uuid4(), path), {"number": 1})) == (404, "room_not_found")
