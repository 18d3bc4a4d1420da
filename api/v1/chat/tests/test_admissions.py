"""Invitations: rooms/{id}/invitations/, /api/v1/chat/invitations/. Requests: rooms/{id}/requests/."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import INVITATIONS, JOIN, at, data, everything, told
from modules.chat.choices import Role
from modules.chat.models import Admission, Member
from modules.chat.services import admissions, links, rooms
from modules.chat.tests.factories import make_room, put_in
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user):
    return make_room(user)


@pytest.fixture
def asking(user):
    return make_room(user, kind="public", join_rule="request")


def invited(room, user, person, role=Role.MEMBER):
    return admissions.invite(room=room, actor=user, user_id=person.pk, role=role)


def one(invitation, what):
    return f"{INVITATIONS}{invitation.pk}/{what}/"


class TestInviting:
    def test_tells_the_person_who_sees_and_accepts(self, as_user, as_other, room, user, other):
        body = {"user": str(other.pk), "role": "moderator", "note": "Come!"}
        made = data(as_user.post(at(room, "invitations"), body), 201)
        assert (made["status"], made["role"], made["note"], made["invited_by"]) == (
            "pending",
            "moderator",
            "Come!",
            str(user.pk),
        )
        (event,) = told(f"user:{other.pk}", "chat.invited")
        assert (event["invitation"], event["room"], event["name"]) == (made["id"], str(room.pk), "Harbour")
        assert [row["id"] for row in data(as_user.get(at(room, "invitations")))] == [made["id"]]
        (mine,) = data(as_other.get(INVITATIONS))
        assert (mine["id"], mine["room_name"], mine["room_kind"]) == (made["id"], "Harbour", "private")
        assert data(as_other.post(f"{INVITATIONS}{made['id']}/accept/"))["me"]["role"] == "moderator"
        assert data(as_other.get(INVITATIONS)) == data(as_user.get(at(room, "invitations"))) == []
        before = everything()
        for what in ("accept", "decline"):
            assert error(as_other.post(f"{INVITATIONS}{made['id']}/{what}/")) == (409, "admission_decided")
        assert everything() == before

    def test_can_be_declined_and_done_again(self, as_other, room, user, other):
        invitation = invited(room, user, other)
        assert as_other.post(one(invitation, "decline")).status_code == 204
        assert not Member.objects.filter(user=other).exists()
        assert invited(room, user, other).status == "pending"

    def test_nobody_decides_for_another(self, api, as_user, room, user, other):
        invitation = invited(room, user, other)
        before = everything()
        for caller in (as_user, api.as_user(make_user())):
            for what in ("accept", "decline"):
                assert error(caller.post(one(invitation, what))) == (404, "not_found")
        assert everything() == before

    @pytest.mark.parametrize(
        ("actor", "role", "is_allowed"),
        [
            (Role.ADMIN, "admin", True),
            (Role.MODERATOR, "member", True),
            (Role.MODERATOR, "moderator", False),
            (Role.MEMBER, "member", False),
            (Role.READ_ONLY, "read_only", False),
        ],
    )
    def test_gives_no_role_above_the_own(self, api, room, other, actor, role, is_allowed):
        person = make_user()
        put_in(room, person, actor)
        before = everything()
        answer = api.as_user(person).post(at(room, "invitations"), {"user": str(other.pk), "role": role})
        if is_allowed:
            assert answer.status_code == 201
        else:
            assert error(answer) == (403, "role_insufficient")
            assert everything() == before

    def test_twice_or_of_a_member_is_refused(self, as_user, room, user, other):
        invited(room, user, other)
        before = everything()
        assert error(as_user.post(at(room, "invitations"), {"user": str(other.pk)})) == (409, "already_pending")
        assert error(as_user.post(at(room, "invitations"), {"user": str(user.pk)})) == (409, "already_member")
        assert everything() == before

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({"user": "x"}, "user", "invalid"),
            ({"user": str(uuid4())}, "user", "does_not_exist"),
            ({"role": "owner"}, "role", "invalid_choice"),
            ({"role": "guest"}, "role", "invalid_choice"),
            ({"note": "x" * 201}, "note", "max_length"),
        ],
    )
    def test_names_what_is_wrong(self, as_user, room, other, body, field, code):
        before = everything()
        assert wrong_fields(as_user.post(at(room, "invitations"), {"user": str(other.pk), **body})) == [(field, code)]
        assert everything() == before

    def test_is_not_for_guests(self, as_user, room):
        assert wrong_fields(as_user.post(at(room, "invitations"), {"user": str(make_guest().pk)})) == [("user", "is_guest")]

    def test_is_settled_by_another_way_in(self, as_other, room, user, other):
        invited(room, user, other)
        as_other.post(JOIN, {"token": links.make_link(room=room, actor=user, role=Role.MEMBER).token})
        settled = Admission.objects.get()
        assert (settled.status, settled.decided_at is None) == ("accepted", False)

    def test_to_a_room_that_is_gone_is_gone(self, as_other, room, user, other):
        invitation = invited(room, user, other)
        rooms.delete_room(room=room, actor=user)
        assert data(as_other.get(INVITATIONS)) == []
        assert error(as_other.post(one(invitation, "accept"))) == (404, "room_not_found")

    def test_into_a_full_room_stays_pending(self, as_other, room, user, other, settings):
        invitation = invited(room, user, other)
        settings.CHAT_MAX_MEMBERS = 1
        before = everything()
        assert error(as_other.post(one(invitation, "accept"))) == (409, "room_full")
        assert everything() == before


class TestWithdrawing:
    def test_takes_it_back(self, as_user, as_other, room, user, other):
        invitation = invited(room, user, other)
        assert as_user.delete(at(room, "invitations", invitation.pk)).status_code == 204
        assert error(as_other.post(one(invitation, "accept"))) == (409, "admission_decided")
        assert error(as_user.delete(at(room, "invitations", invitation.pk))) == (409, "admission_decided")
        assert error(as_user.delete(at(room, "invitations", uuid4()))) == (404, "not_found")

    def test_in_a_group_is_for_who_invited_or_looks_after_it(self, as_user, as_other, api, user, other):
        room, third = make_room(user, other, kind="group"), make_user()
        put_in(room, third)
        mine, theirs = invited(room, other, make_user()), invited(room, third, make_user())
        before = everything()
        assert error(as_other.delete(at(room, "invitations", theirs.pk))) == (403, "role_insufficient")
        assert everything() == before
        assert as_other.delete(at(room, "invitations", mine.pk)).status_code == 204
        assert as_user.delete(at(room, "invitations", theirs.pk)).status_code == 204


class TestAsking:
    def test_tells_who_decides_and_is_approved(self, as_user, as_other, api, asking, user, other):
        helper = make_user()
        put_in(asking, helper, Role.MODERATOR)
        put_in(asking, make_user())
        made = data(as_other.post(at(asking, "requests"), {"note": "Please"}), 201)
        for decider in (user, helper):
            (event,) = told(f"user:{decider.pk}", "chat.request.created")
            assert (event["request"], event["user"]) == (made["id"], str(other.pk))
        (row,) = data(as_user.get(at(asking, "requests")))
        assert (row["user"], row["username"], row["note"]) == (str(other.pk), other.username, "Please")
        approved = data(api.as_user(helper).post(at(asking, "requests", made["id"], "approve")))
        assert approved["status"] == "accepted"
        assert told(f"user:{other.pk}", "chat.request.decided")[0]["accepted"] is True
        assert Member.objects.get(user=other).role == Role.MEMBER
        before = everything()
        for what in ("approve", "reject"):
            assert error(as_user.post(at(asking, "requests", made["id"], what))) == (409, "admission_decided")
        assert everything() == before

    def test_may_be_refused_and_done_again_a_day_later(self, as_user, as_other, asking, other):
        made = data(as_other.post(at(asking, "requests"), {}), 201)
        assert data(as_user.post(at(asking, "requests", made["id"], "reject")))["status"] == "declined"
        assert told(f"user:{other.pk}", "chat.request.decided")[0]["accepted"] is False
        before = everything()
        assert error(as_other.post(at(asking, "requests"), {})) == (409, "admission_decided")
        assert everything() == before
        Admission.objects.update(decided_at=timezone.now() - timedelta(hours=25))
        assert as_other.post(at(asking, "requests"), {}).status_code == 201

    def test_tells_no_more_than_fifty(self, as_other, asking, user):
        people = [make_user(password="x") for _ in range(55)]
        Member.objects.bulk_create([Member(room=asking, user=person, role=Role.MODERATOR) for person in people])
        as_other.post(at(asking, "requests"), {})
        assert sum(bool(told(f"user:{person.pk}", "chat.request.created")) for person in [user, *people]) == 50

    @pytest.mark.parametrize(("rule", "code"), [("open", "wrong_room_kind"), ("invite", "invitation_required")])
    def test_is_for_rooms_that_take_requests(self, as_other, user, rule, code):
        room = make_room(user, kind="public", join_rule=rule)
        before = everything()
        assert error(as_other.post(at(room, "requests"), {})) == (409, code)
        assert everything() == before

    def test_twice_or_from_inside_is_refused(self, as_user, as_other, asking):
        as_other.post(at(asking, "requests"), {})
        before = everything()
        assert error(as_other.post(at(asking, "requests"), {})) == (409, "already_pending")
        assert error(as_user.post(at(asking, "requests"), {})) == (409, "already_member")
        assert wrong_fields(as_other.post(at(asking, "requests"), {"note": "x" * 201})) == [("note", "max_length")]
        assert everything() == before

    def test_is_decided_by_who_looks_after_the_room(self, api, as_other, asking, other):
        made = data(as_other.post(at(asking, "requests"), {}), 201)
        member = make_user()
        put_in(asking, member)
        before = everything()
        for what in ("approve", "reject"):
            assert error(as_other.post(at(asking, "requests", made["id"], what))) == (403, "not_a_member")
            assert error(api.as_user(member).post(at(asking, "requests", made["id"], what))) == (403, "role_insufficient")
        assert error(api.as_user(member).get(at(asking, "requests"))) == (403, "role_insufficient")
        assert everything() == before

    def test_of_another_room_is_not_found(self, as_user, as_other, asking, user):
        made = data(as_other.post(at(asking, "requests"), {}), 201)
        elsewhere = make_room(user, kind="public", join_rule="request")
        before = everything()
        for path in (at(elsewhere, "requests", made["id"], "approve"), at(asking, "requests", uuid4(), "approve")):
            assert error(as_user.post(path)) == (404, "not_found")
        assert everything() == before
