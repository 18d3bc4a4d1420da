"""GET and PATCH /api/v1/chat/rooms/{id}/me/"""

import pytest

from api.tests.answers import wrong_fields
from api.v1.chat.tests.room_support import ROOMS, at, data
from modules.chat.choices import Role
from modules.chat.models import Member
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db


def test_the_own_place_is_shown_and_set(as_other, user, other):
    room = make_room(user, other)
    write(room, user)
    shown = data(as_other.get(at(room, "me")))
    assert (shown["role"], shown["level"], shown["is_favourite"], shown["unread"]["messages"]) == ("member", "all", False, 1)
    set_ = data(as_other.patch(at(room, "me"), {"level": "mentions", "is_favourite": True}))
    assert (set_["level"], set_["is_favourite"]) == ("mentions", True)
    assert Member.objects.get(user=user).level == "all"


@pytest.mark.parametrize(("field", "value"), [("level", "loud"), ("level", None), ("is_favourite", "perhaps")])
def test_it_names_what_is_wrong(as_user, user, field, value):
    room = make_room(user)
    assert [name for name, _ in wrong_fields(as_user.patch(at(room, "me"), {field: value}))] == [field]


def test_it_is_for_guests_too_and_roles_cannot_be_taken(as_guest, guest, user):
    room = make_room(user)
    put_in(room, guest, Role.GUEST)
    assert data(as_guest.patch(at(room, "me"), {"is_favourite": True, "role": "owner"}))["role"] == "guest"
    assert [row["id"] for row in data(as_guest.get(ROOMS))] == [str(room.pk)]
