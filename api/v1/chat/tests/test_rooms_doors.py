"""Every operation on rooms, members and ways in: who may not call it at all, is told why, and changes nothing."""

from uuid import UUID

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.chat.tests.room_support import INVITATIONS, JOIN, ROOMS, everything
from api_keys.tests.factories import make_key
from modules.chat.choices import Role
from modules.chat.tests.factories import make_room, put_in

pytestmark = pytest.mark.django_db
ID = UUID("0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a44")
SCOPES = ("chat:read", "chat:write", "chat:manage")
USER = {"user": str(ID)}
# Method, path below the room, scope, body.
OF_A_ROOM = [
    ("get", "", "chat:read", None),
    ("patch", "", "chat:manage", {"topic": "x"}),
    ("delete", "", "chat:manage", None),
    ("post", "archive/", "chat:manage", None),
    ("post", "unarchive/", "chat:manage", None),
    ("post", "join/", "chat:write", None),
    ("post", "leave/", "chat:write", None),
    ("get", "me/", "chat:read", None),
    ("patch", "me/", "chat:write", {"is_favourite": True}),
    ("get", "members/", "chat:read", None),
    ("post", "members/", "chat:manage", USER),
    ("patch", f"members/{ID}/", "chat:manage", {"role": "admin"}),
    ("delete", f"members/{ID}/", "chat:manage", None),
    ("get", "bans/", "chat:read", None),
    ("post", "bans/", "chat:manage", USER),
    ("delete", f"bans/{ID}/", "chat:manage", None),
    ("get", "links/", "chat:read", None),
    ("post", "links/", "chat:manage", {}),
    ("delete", f"links/{ID}/", "chat:manage", None),
    ("get", "invitations/", "chat:read", None),
    ("post", "invitations/", "chat:manage", USER),
    ("delete", f"invitations/{ID}/", "chat:manage", None),
    ("get", "requests/", "chat:read", None),
    ("post", "requests/", "chat:write", {}),
    ("post", f"requests/{ID}/approve/", "chat:manage", None),
    ("post", f"requests/{ID}/reject/", "chat:manage", None),
]
OTHERS = [
    ("get", ROOMS, "chat:read", None),
    ("post", ROOMS, "chat:manage", {"kind": "private", "name": "Mine"}),
    ("get", f"{ROOMS}discover/", "chat:read", None),
    ("post", f"{ROOMS}direct/", "chat:write", USER),
    ("post", JOIN, "chat:write", {"token": "x"}),
    ("get", INVITATIONS, "chat:read", None),
    ("post", f"{INVITATIONS}{ID}/accept/", "chat:write", None),
    ("post", f"{INVITATIONS}{ID}/decline/", "chat:write", None),
]
# What a guest may not do whatever the room.
NOT_FOR_GUESTS = [OTHERS[1], OTHERS[2], OTHERS[3], OTHERS[5], OTHERS[6], OTHERS[7]]
# Where an outsider of a room that may be found gets further than its door.
FOR_OUTSIDERS = {("get", ""), ("post", "join/"), ("post", "requests/")}


@pytest.fixture
def room(user):
    return make_room(user)


@pytest.mark.parametrize(("method", "path", "scope", "body"), [*OF_A_ROOM, *OTHERS])
def test_nobody_without_credentials_or_the_scope_comes_in(api, user, as_bare_key, room, method, path, scope, body):
    path = path if path.startswith("/") else f"{ROOMS}{room.pk}/{path}"
    other_scopes = make_key(user, scopes=[name for name in SCOPES if name != scope])
    before = everything()
    assert_anonymous(getattr(api, method)(path, body))
    assert_lacks_scope(getattr(as_bare_key, method)(path, body), scope)
    assert_lacks_scope(getattr(api.as_key(other_scopes.raw), method)(path, body), scope)
    assert everything() == before


@pytest.mark.parametrize(("method", "path", "scope", "body"), OF_A_ROOM)
def test_a_room_one_does_not_see_is_not_there(as_other, as_guest, as_admin, room, method, path, scope, body):
    before = everything()
    for stranger in (as_other, as_guest, as_admin):
        assert error(getattr(stranger, method)(f"{ROOMS}{room.pk}/{path}", body)) == (404, "room_not_found")
        assert error(getattr(stranger, method)(f"{ROOMS}{ID}/{path}", body)) == (404, "room_not_found")
    assert everything() == before


@pytest.mark.parametrize(("method", "path", "scope", "body"), OF_A_ROOM)
def test_a_public_room_says_that_one_is_not_in_it_and_guests_do_not_find_it(as_other, as_guest, user, method, path, scope, body):
    room = make_room(user, kind="public")
    before = everything()
    if (method, path) not in FOR_OUTSIDERS:
        assert error(getattr(as_other, method)(f"{ROOMS}{room.pk}/{path}", body)) == (403, "not_a_member")
    assert error(getattr(as_guest, method)(f"{ROOMS}{room.pk}/{path}", body)) == (404, "room_not_found")
    assert everything() == before


@pytest.mark.parametrize(("method", "path", "scope", "body"), NOT_FOR_GUESTS)
def test_guests_make_find_and_open_nothing(api, guest, as_guest, user, method, path, scope, body):
    put_in(make_room(user), guest, Role.GUEST)
    before = everything()
    assert error(getattr(as_guest, method)(path, body)) == (403, "account_required")
    assert everything() == before


def test_a_deleted_room_is_gone_for_everybody(as_user, room):
    assert as_user.delete(f"{ROOMS}{room.pk}/").status_code == 204
    before = everything()
    for method, path, _, body in OF_A_ROOM:
        assert error(getattr(as_user, method)(f"{ROOMS}{room.pk}/{path}", body)) == (404, "room_not_found")
    assert everything() == before
