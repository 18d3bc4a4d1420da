"""POST /api/v1/chat/join/guest/, and what guests are from then on"""

import pytest
from django.db import transaction

from api import gate
from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import JOIN, ROOMS, at, data, everything, told
from events import publish
from events.relay import relay_once
from modules.chat.choices import Role
from modules.chat.models import InviteLink, Member, Message
from modules.chat.services import links
from modules.chat.tests.factories import make_room, write
from users.events import UserUpdated
from users.models import Session, User
from users.tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
PATH = f"{JOIN}guest/"
UPGRADE = "/api/v1/auth/guest/upgrade/"
ACCOUNT = {"username": "settled", "email": "settled@example.com", "password": PASSWORD}


@pytest.fixture
def room(user):
    return make_room(user)


@pytest.fixture
def token(room, user):
    return links.make_link(room=room, actor=user, role=Role.GUEST, max_uses=3).token


def entered(api, token, name="Visitor"):
    return data(api.post(PATH, {"token": token, "display_name": name}), 201)


def nobody_came():
    return not User.objects.filter(is_guest=True).exists() and not Session.objects.exists()


def signed(api, answer):
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer['access']}")
    return api


def test_lets_in_without_an_account_for_a_while(api, room, token):
    answer = entered(api, token, " Visitor ")
    assert (answer["room"], answer["user"]["display_name"], answer["user"]["is_guest"]) == (str(room.pk), "Visitor", True)
    guest = User.objects.get(pk=answer["user"]["id"])
    assert (guest.guest_resource, guest.guest_expires_at is None) == (f"room:{room.pk}", False)
    assert Member.objects.get(user=guest).role == Role.GUEST
    assert InviteLink.objects.get().uses == 1
    assert told(f"room:{room.pk}", "member.joined")[-1] == {
        "room": str(room.pk),
        "user": str(guest.pk),
        "name": "Visitor",
        "role": "guest",
    }
    caller = signed(api, answer)
    assert [row["id"] for row in data(caller.get(ROOMS))] == [str(room.pk)]
    assert data(caller.get(at(room, "me")))["role"] == "guest"


@pytest.mark.parametrize(("role", "comes_as"), [(Role.MEMBER, "guest"), (Role.READ_ONLY, "read_only")])
def test_comes_as_a_guest_by_any_link_and_never_as_more_than_it_says(api, room, user, role, comes_as):
    answer = entered(api, links.make_link(room=room, actor=user, role=role).token)
    assert Member.objects.get(user_id=answer["user"]["id"]).role == comes_as


def test_a_guest_keeps_its_messages_when_it_becomes_an_account(api, room, token):
    answer = entered(api, token)
    guest = User.objects.get(pk=answer["user"]["id"])
    message = write(room, guest)
    assert signed(api, answer).post(UPGRADE, ACCOUNT).status_code == 200
    while relay_once():
        continue
    assert Message.objects.get(pk=message.pk).sender_id == guest.pk
    assert Member.objects.get(user=guest).role == Role.MEMBER
    assert told(f"room:{room.pk}", "member.updated") == [
        {"room": str(room.pk), "user": str(guest.pk), "role": "member", "muted_until": None}
    ]


def test_a_guest_who_may_only_read_goes_on_to_when_it_becomes_an_account(api, room, user):
    answer = entered(api, links.make_link(room=room, actor=user, role=Role.READ_ONLY).token)
    signed(api, answer).post(UPGRADE, ACCOUNT)
    while relay_once():
        continue
    assert Member.objects.get(user_id=answer["user"]["id"]).role == Role.READ_ONLY


def test_nothing_else_makes_a_guest_a_member(api, token):
    guest = User.objects.get(pk=entered(api, token)["user"]["id"])
    for changed in (["first_name"], ["is_guest"]):
        with transaction.atomic():
            publish(UserUpdated(guest.pk, guest.username, changed), stream=f"user:{guest.pk}")
    while relay_once():
        continue
    assert Member.objects.get(user=guest).role == Role.GUEST


def test_a_guest_goes_nowhere_else(api, room, token, user):
    caller = signed(api, entered(api, token))
    public = make_room(user, kind="public")
    other_token = links.make_link(room=public, actor=user, role=Role.MEMBER).token
    before = everything()
    assert error(caller.get(at(public))) == (404, "room_not_found")
    assert error(caller.post(at(public, "join"))) == (404, "room_not_found")
    assert error(caller.post(JOIN, {"token": other_token})) == (403, "account_required")
    assert error(caller.post(ROOMS, {"kind": "public", "name": "Mine"})) == (403, "account_required")
    assert everything() == before


def test_who_left_may_come_back_by_link(api, room, token):
    caller = signed(api, entered(api, token))
    assert caller.post(at(room, "leave")).status_code == 204
    assert data(caller.post(JOIN, {"token": token}))["me"]["role"] == "guest"


def test_where_guests_are_not_accepted_it_says_so(api, token, settings):
    settings.GUESTS_ENABLED = False
    before = everything()
    assert error(api.post(PATH, {"token": token, "display_name": "Visitor"})) == (403, "guests_closed")
    assert nobody_came()
    assert everything() == before


def test_into_a_full_room_makes_no_account(api, token, settings):
    settings.CHAT_MAX_MEMBERS = 1
    before = everything()
    assert error(api.post(PATH, {"token": token, "display_name": "Visitor"})) == (409, "room_full")
    assert nobody_came()
    assert everything() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 81}, "display_name"),
        ({"display_name": "Ad\u200bmin"}, "display_name"),
        ({"display_name": "\u202eecila"}, "display_name"),
        ({"display_name": None}, "display_name"),
        ({"token": "x" * 201}, "token"),
        ({"token": 7.5e300}, "token"),
    ],
)
def test_names_what_is_wrong(api, token, body, field):
    before = everything()
    answer = api.post(PATH, {"token": token, "display_name": "Visitor", **body})
    if body.get("token") == 7.5e300:
        assert error(answer) == (404, "link_unusable")
    else:
        assert [name for name, _ in wrong_fields(answer)] == [field]
    assert nobody_came()
    assert everything() == before


def test_no_one_address_makes_guests_without_end(api, token, settings):
    settings.LIMIT_SENSITIVE = "2/60"
    gate.sensitive_policy.cache_clear()
    try:
        body = {"token": token, "display_name": "Visitor"}
        codes = [api.post(PATH, body).status_code for _ in range(3)]
    finally:
        gate.sensitive_policy.cache_clear()
    assert codes == [201, 201, 429]
    assert User.objects.filter(is_guest=True).count() == 2
