"""GET and POST /api/v1/chat/rooms/{id}/bans/, DELETE .../{user}/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import ROOMS, at, data, everything, told
from core.models import AuditEntry
from core.principals import Principal
from events.exceptions import StreamNotFound
from events.streams import check_may_follow
from modules.chat import telling
from modules.chat.choices import Role
from modules.chat.models import Admission, Ban, Member
from modules.chat.services import admissions
from modules.chat.tests.factories import make_room, put_in
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    return make_room(user, other, kind="public")


def in_room(room, role):
    person = make_user()
    put_in(room, person, role)
    return person


def test_takes_out_at_once_and_keeps_out(as_user, as_other, room, other):
    until = "2999-01-01T00:00:00Z"
    given = data(as_user.post(at(room, "bans"), {"user": str(other.pk), "reason": "spam", "until": until}), 201)
    assert (given["user"], given["username"], given["reason"], given["until"]) == (
        str(other.pk),
        other.username,
        "spam",
        until,
    )
    assert not Member.objects.filter(user=other).exists()
    assert told(f"room:{room.pk}", "member.left")[0]["reason"] == "banned"
    assert told(f"user:{other.pk}", "chat.room.removed")[0]["reason"] == "banned"
    assert AuditEntry.objects.get(action="chat.member_banned").changes["reason"] == "spam"
    for answer in (as_other.get(at(room)), as_other.post(at(room, "join")), as_other.post(at(room, "requests"), {})):
        assert error(answer) == (404, "room_not_found")
    assert data(as_other.get(f"{ROOMS}discover/")) == []
    assert error(as_user.post(at(room, "members"), {"user": str(other.pk)})) == (403, "banned")
    assert error(as_user.post(at(room, "invitations"), {"user": str(other.pk)})) == (403, "banned")


def test_ends_the_stream_for_who_was_banned(as_user, room, other, monkeypatch):
    asked_anew = []
    monkeypatch.setattr(telling, "announce_change", lambda *who: asked_anew.append(who))
    principal = Principal(
        kind="session",
        user_id=other.pk,
        credential_id=uuid4(),
        is_staff=False,
        is_guest=False,
        scopes=None,
        expires_at=0,
        limits=(),
    )
    check_may_follow(principal, f"room:{room.pk}")
    as_user.post(at(room, "bans"), {"user": str(other.pk)})
    assert asked_anew == [("user", other.pk)]
    with pytest.raises(StreamNotFound):
        check_may_follow(principal, f"room:{room.pk}")


def test_of_an_outsider_settles_what_is_pending(as_user, user):
    room, person = make_room(user, kind="public", join_rule="request"), make_user()
    admissions.ask(room=room, actor=person)
    assert as_user.post(at(room, "bans"), {"user": str(person.pk)}).status_code == 201
    assert Admission.objects.get().status == "withdrawn"


def test_a_second_one_replaces_the_first(as_user, room, other):
    as_user.post(at(room, "bans"), {"user": str(other.pk), "reason": "spam"})
    as_user.post(at(room, "bans"), {"user": str(other.pk), "reason": "abuse", "until": "2999-01-01T00:00:00Z"})
    assert Ban.objects.get().reason == "abuse"


def test_one_that_is_over_lets_in_and_is_not_listed(as_user, as_other, room, other):
    as_user.post(at(room, "bans"), {"user": str(other.pk), "until": "2999-01-01T00:00:00Z"})
    assert [row["user"] for row in data(as_user.get(at(room, "bans")))] == [str(other.pk)]
    Ban.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert data(as_user.get(at(room, "bans"))) == []
    assert as_other.post(at(room, "join")).status_code == 200


def test_is_lifted(as_user, as_other, room, other):
    as_user.post(at(room, "bans"), {"user": str(other.pk)})
    assert as_user.delete(at(room, "bans", other.pk)).status_code == 204
    assert AuditEntry.objects.filter(action="chat.member_unbanned").count() == 1
    before = everything()
    assert error(as_user.delete(at(room, "bans", other.pk))) == (404, "not_found")
    assert everything() == before
    assert as_other.post(at(room, "join")).status_code == 200


@pytest.mark.parametrize(
    ("actor", "target"),
    [
        (Role.MEMBER, Role.READ_ONLY),
        (Role.MODERATOR, Role.MODERATOR),
        (Role.MODERATOR, Role.ADMIN),
        (Role.ADMIN, Role.OWNER),
        (Role.OWNER, Role.OWNER),
    ],
)
def test_is_done_downwards_only(api, room, actor, target):
    caller, person = api.as_user(in_room(room, actor)), in_room(room, target)
    before = everything()
    assert error(caller.post(at(room, "bans"), {"user": str(person.pk)})) == (403, "role_insufficient")
    assert everything() == before


def test_nobody_bans_oneself(as_user, room, user):
    before = everything()
    assert error(as_user.post(at(room, "bans"), {"user": str(user.pk)})) == (403, "role_insufficient")
    assert everything() == before


def test_members_neither_see_nor_lift_them(as_user, as_other, room, other):
    banned = make_user()
    as_user.post(at(room, "bans"), {"user": str(banned.pk)})
    before = everything()
    assert error(as_other.get(at(room, "bans"))) == (403, "role_insufficient")
    assert error(as_other.delete(at(room, "bans", banned.pk))) == (403, "role_insufficient")
    assert everything() == before


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"user": "x"}, "user", "invalid"),
        ({"user": str(uuid4())}, "user", "does_not_exist"),
        ({"reason": "x" * 201}, "reason", "max_length"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "in_the_past"),
        ({"until": "never"}, "until", "invalid"),
    ],
)
def test_names_what_is_wrong(as_user, room, other, body, field, code):
    before = everything()
    assert wrong_fields(as_user.post(at(room, "bans"), {"user": str(other.pk), **body})) == [(field, code)]
    assert everything() == before
