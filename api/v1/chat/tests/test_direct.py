"""POST /api/v1/chat/rooms/direct/"""

import threading
from uuid import uuid4

import pytest
from django.db import connection

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import ROOMS, at, data, everything, told
from modules.chat.models import Member, Room
from modules.chat.services import rooms
from users.tests.factories import make_guest

pytestmark = pytest.mark.django_db
PATH = f"{ROOMS}direct/"


def test_opens_one_room_for_two_whoever_asks(as_user, as_other, user, other):
    made = data(as_user.post(PATH, {"user": str(other.pk)}), 201)
    assert (made["kind"], made["member_count"], made["me"]["role"]) == ("direct", 2, "member")
    assert made["other"] == {"user": str(other.pk), "name": other.username}
    assert told(f"user:{other.pk}", "chat.room.added")[0]["room"] == made["id"]
    before = everything()
    again = data(as_other.post(PATH, {"user": str(user.pk)}))
    assert (again["id"], again["other"]["user"]) == (made["id"], str(user.pk))
    assert everything() == before


def test_nobody_looks_after_it(as_user, user, other):
    room, _ = rooms.open_direct(actor=user, other_id=other.pk)
    before = everything()
    for method, path, body in (
        ("patch", at(room), {"name": "Ours"}),
        ("delete", at(room), None),
        ("post", at(room, "archive"), None),
        ("post", at(room, "members"), {"user": str(uuid4())}),
        ("patch", at(room, "members", user.pk), {"role": "read_only"}),
        ("delete", at(room, "members", other.pk), None),
        ("post", at(room, "bans"), {"user": str(other.pk)}),
        ("post", at(room, "links"), {}),
        ("post", at(room, "invitations"), {"user": str(uuid4())}),
        ("get", at(room, "requests"), None),
    ):
        assert error(getattr(as_user, method)(path, body)) == (403, "role_insufficient")
    assert everything() == before


def test_takes_somebody_else_who_is_there_and_no_guest(as_user, user):
    before = everything()
    for body, code in (
        ({}, "required"),
        ({"user": "x"}, "invalid"),
        ({"user": str(user.pk)}, "is_self"),
        ({"user": str(uuid4())}, "does_not_exist"),
    ):
        assert wrong_fields(as_user.post(PATH, body)) == [("user", code)]
    assert everything() == before
    assert wrong_fields(as_user.post(PATH, {"user": str(make_guest().pk)})) == [("user", "is_guest")]


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_the_same_moment_get_the_same_room(user, other):
    together, found = threading.Barrier(2), []

    def run(one, another):
        try:
            together.wait()
            found.append(rooms.open_direct(actor=one, other_id=another.pk)[0].pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((user, other), (other, user))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Room.objects.get().pk] * 2
    assert Member.objects.count() == 2
