"""GET and POST /api/v1/chat/rooms/{id}/members/, PATCH and DELETE .../{user}/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import at, data, everything, told
from core.models import AuditEntry
from modules.chat.choices import Role
from modules.chat.models import Member, Mention, Room
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User, UserProfile
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    return make_room(user, other)


def in_room(room, role):
    person = make_user()
    put_in(room, person, role)
    return person


def role_of(room, person):
    return Member.objects.get(room=room, user=person).role


class TestTheList:
    def test_shows_who_is_in_the_last_first(self, as_other, room, user, other):
        UserProfile.objects.filter(user=other).update(display_name="Ada")
        guest = make_guest()
        put_in(room, guest, Role.GUEST)
        rows = data(as_other.get(at(room, "members")))
        assert [row["user"] for row in rows] == [str(guest.pk), str(other.pk), str(user.pk)]
        assert [row["role"] for row in rows] == ["guest", "member", "owner"]
        assert (rows[0]["is_guest"], rows[1]["display_name"], rows[1]["username"]) == (True, "Ada", other.username)

    def test_is_searched_and_filtered(self, as_user, room, other):
        UserProfile.objects.filter(user=other).update(display_name="Ada Lovelace")
        path = at(room, "members")
        assert [row["user"] for row in data(as_user.get(f"{path}?search=loveL"))] == [str(other.pk)]
        assert [row["user"] for row in data(as_user.get(f"{path}?search={other.username}"))] == [str(other.pk)]
        assert data(as_user.get(f"{path}?search=%25")) == []
        assert [row["role"] for row in data(as_user.get(f"{path}?role=owner"))] == ["owner"]

    @pytest.mark.parametrize("query", ["role=king", f"search={'x' * 101}", "search=%00", "cursor=bm8", "page_size=1000"])
    def test_names_a_bad_parameter(self, as_user, room, query):
        assert [field for field, _ in wrong_fields(as_user.get(f"{at(room, 'members')}?{query}"))] == [query.partition("=")[0]]

    def test_of_ten_thousand_costs_what_one_of_ten_does_and_is_full(self, api, as_user, user, settings):
        room = make_room(user, kind="public")
        crowd = User.objects.bulk_create(
            [User(username=f"crowd{n}", email=f"c{n}@example.com", password="!") for n in range(9999)]
        )
        UserProfile.objects.bulk_create([UserProfile(user=person) for person in crowd])
        Member.objects.bulk_create([Member(room=room, user=person) for person in crowd])
        Room.objects.filter(pk=room.pk).update(member_count=10_000)
        as_user.get(at(room, "members"))
        path, seen = f"{at(room, 'members')}?page_size=100", set()
        counts = []
        for _ in range(2):
            # On a busy machine the cache may forget the caller in between.
            with CaptureQueriesContext(connection) as queries:
                answer = as_user.get(path)
            counts.append(len(queries))
        assert min(counts) == 2
        for _ in range(3):
            seen |= {row["user"] for row in data(answer)}
            answer = as_user.get(f"{path}&cursor={answer.json()['meta']['pagination']['next_cursor']}")
        assert len(seen) == 300
        assert [row["username"] for row in data(as_user.get(f"{path}&search=crowd9876"))] == ["crowd9876"]
        stranger = make_user()
        answer = as_user.post(at(room, "members"), {"user": str(stranger.pk)})
        assert error(answer) == (409, "room_full")
        assert error(api.as_user(stranger).post(at(room, "join"))) == (409, "room_full")
        assert Member.objects.filter(room=room).count() == 10_000
        with CaptureQueriesContext(connection) as queries:
            assert as_user.post(at(room, "messages"), {"text": "@all hello"}).status_code == 201
        assert len(queries) <= 15
        assert Mention.objects.count() == 1


class TestAdding:
    def test_brings_somebody_in(self, as_user, room):
        person = make_user()
        shown = data(as_user.post(at(room, "members"), {"user": str(person.pk), "role": "moderator"}), 201)
        assert (shown["user"], shown["role"]) == (str(person.pk), "moderator")
        assert told(f"user:{person.pk}", "chat.room.added")[0]["role"] == "moderator"
        assert AuditEntry.objects.get(action="chat.member_added").changes == {"user": str(person.pk), "role": "moderator"}

    def test_of_somebody_who_is_in_is_refused(self, as_user, room, other):
        before = everything()
        assert error(as_user.post(at(room, "members"), {"user": str(other.pk)})) == (409, "already_member")
        assert everything() == before

    @pytest.mark.parametrize(
        ("actor", "role", "is_allowed"),
        [
            (Role.OWNER, "owner", True),
            (Role.ADMIN, "admin", True),
            (Role.ADMIN, "owner", False),
            (Role.MODERATOR, "member", True),
            (Role.MODERATOR, "read_only", True),
            (Role.MODERATOR, "moderator", False),
            (Role.MEMBER, "member", False),
        ],
    )
    def test_gives_no_role_above_the_own(self, api, room, actor, role, is_allowed):
        caller, person = api.as_user(in_room(room, actor)), make_user()
        before = everything()
        answer = caller.post(at(room, "members"), {"user": str(person.pk), "role": role})
        if is_allowed:
            assert answer.status_code == 201
        else:
            assert error(answer) == (403, "role_insufficient")
            assert everything() == before

    def test_in_a_group_is_any_members_but_to_no_more_than_a_member(self, as_other, user, other):
        room = make_room(user, other, kind="group")
        person = make_user()
        assert error(as_other.post(at(room, "members"), {"user": str(person.pk), "role": "moderator"}))[0] == 403
        assert as_other.post(at(room, "members"), {"user": str(person.pk)}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({}, "user", "required"),
            ({"user": "x"}, "user", "invalid"),
            ({"user": str(uuid4())}, "user", "does_not_exist"),
            ({"role": "king"}, "role", "invalid_choice"),
            ({"role": "guest"}, "role", "wrong_for_account"),
        ],
    )
    def test_names_what_is_wrong(self, as_user, room, body, field, code):
        body = {"user": str(make_user().pk), **body} if body else {}
        before = everything()
        assert wrong_fields(as_user.post(at(room, "members"), body)) == [(field, code)]
        assert everything() == before

    def test_of_a_guest_of_another_room_is_refused(self, as_user, room):
        guest = make_guest()
        before = everything()
        answer = as_user.post(at(room, "members"), {"user": str(guest.pk), "role": "guest"})
        assert error(answer) == (403, "account_required")
        assert everything() == before


class TestRoles:
    @pytest.mark.parametrize(
        ("actor", "target", "role", "is_allowed"),
        [
            (Role.OWNER, Role.ADMIN, "member", True),
            (Role.OWNER, Role.MEMBER, "owner", True),
            (Role.OWNER, Role.OWNER, "admin", False),
            (Role.ADMIN, Role.MEMBER, "admin", True),
            (Role.ADMIN, Role.MEMBER, "owner", False),
            (Role.ADMIN, Role.ADMIN, "member", False),
            (Role.ADMIN, Role.OWNER, "member", False),
            (Role.MODERATOR, Role.MEMBER, "read_only", False),
            (Role.MEMBER, Role.READ_ONLY, "member", False),
        ],
    )
    def test_are_given_downwards_and_none_above_the_own(self, api, room, actor, target, role, is_allowed):
        caller, person = api.as_user(in_room(room, actor)), in_room(room, target)
        before = everything()
        answer = caller.patch(at(room, "members", person.pk), {"role": role})
        if is_allowed:
            assert data(answer)["role"] == role_of(room, person) == role
            assert told(f"room:{room.pk}", "member.updated")[-1]["role"] == role
            assert AuditEntry.objects.get(action="chat.member_updated").changes["role"] == [target, role]
        else:
            assert error(answer) == (403, "role_insufficient")
            assert everything() == before

    def test_ownership_is_handed_over(self, as_user, room, user, other):
        before = everything()
        assert error(as_user.patch(at(room, "members", user.pk), {"role": "member"})) == (409, "last_owner")
        assert everything() == before
        as_user.patch(at(room, "members", other.pk), {"role": "owner"})
        assert as_user.patch(at(room, "members", user.pk), {"role": "member"}).status_code == 200
        assert (role_of(room, user), role_of(room, other)) == ("member", "owner")

    def test_nobody_promotes_oneself(self, api, room):
        person = in_room(room, Role.ADMIN)
        assert error(api.as_user(person).patch(at(room, "members", person.pk), {"role": "owner"}))[0] == 403
        assert api.as_user(person).patch(at(room, "members", person.pk), {"role": "member"}).status_code == 200
        assert error(api.as_user(person).patch(at(room, "members", person.pk), {"role": "admin"}))[0] == 403

    def test_a_guest_is_a_guest_or_may_read_only(self, as_user, room):
        guest = make_guest()
        put_in(room, guest, Role.GUEST)
        before = everything()
        assert wrong_fields(as_user.patch(at(room, "members", guest.pk), {"role": "member"})) == [("role", "wrong_for_account")]
        assert everything() == before
        assert as_user.patch(at(room, "members", guest.pk), {"role": "read_only"}).status_code == 200
        assert as_user.patch(at(room, "members", guest.pk), {"role": "guest"}).status_code == 200


class TestMuting:
    UNTIL = "2999-01-01T00:00:00Z"

    def test_silences_and_lifts(self, api, room, other):
        caller = api.as_user(in_room(room, Role.MODERATOR))
        assert data(caller.patch(at(room, "members", other.pk), {"muted_until": self.UNTIL}))["muted_until"] == self.UNTIL
        with pytest.raises(Exception, match="muted"):
            write(room, other)
        assert data(caller.patch(at(room, "members", other.pk), {"muted_until": None}))["muted_until"] is None
        assert write(room, other).number == 1

    @pytest.mark.parametrize("target", [Role.OWNER, Role.ADMIN, Role.MODERATOR])
    def test_is_done_downwards_only(self, api, room, target):
        caller, person = api.as_user(in_room(room, Role.MODERATOR)), in_room(room, target)
        before = everything()
        assert error(caller.patch(at(room, "members", person.pk), {"muted_until": self.UNTIL})) == (403, "role_insufficient")
        assert everything() == before

    def test_cannot_be_undone_by_who_is_muted(self, as_other, room, other):
        Member.objects.filter(user=other).update(muted_until=timezone.now() + timedelta(hours=1))
        assert error(as_other.patch(at(room, "members", other.pk), {"muted_until": None})) == (403, "role_insufficient")

    @pytest.mark.parametrize(
        ("value", "code"),
        [("soon", "invalid"), ("2020-01-01T00:00:00Z", "in_the_past"), (7, "invalid"), ("9999-12-31T23:59:59-14:00", "overflow")],
    )
    def test_names_what_is_wrong(self, as_user, room, other, value, code):
        before = everything()
        assert wrong_fields(as_user.patch(at(room, "members", other.pk), {"muted_until": value})) == [("muted_until", code)]
        assert everything() == before

    def test_with_a_role_needs_both_rights(self, api, room, other):
        caller = api.as_user(in_room(room, Role.MODERATOR))
        before = everything()
        body = {"muted_until": self.UNTIL, "role": "read_only"}
        assert error(caller.patch(at(room, "members", other.pk), body)) == (403, "role_insufficient")
        assert everything() == before


class TestRemoving:
    def test_takes_out_who_may_come_back(self, as_user, room, other):
        assert as_user.delete(at(room, "members", other.pk)).status_code == 204
        assert told(f"room:{room.pk}", "member.left")[0]["reason"] == "removed"
        assert told(f"user:{other.pk}", "chat.room.removed")[0]["reason"] == "removed"
        assert AuditEntry.objects.filter(action="chat.member_removed").count() == 1
        assert as_user.post(at(room, "members"), {"user": str(other.pk)}).status_code == 201

    @pytest.mark.parametrize(
        ("actor", "target", "is_allowed"),
        [
            (Role.MODERATOR, Role.MEMBER, True),
            (Role.MODERATOR, Role.MODERATOR, False),
            (Role.ADMIN, Role.OWNER, False),
            (Role.OWNER, Role.OWNER, False),
            (Role.MEMBER, Role.READ_ONLY, False),
        ],
    )
    def test_is_done_downwards_only(self, api, room, actor, target, is_allowed):
        caller, person = api.as_user(in_room(room, actor)), in_room(room, target)
        before = everything()
        answer = caller.delete(at(room, "members", person.pk))
        if is_allowed:
            assert answer.status_code == 204
        else:
            assert error(answer) == (403, "role_insufficient")
            assert everything() == before

    def test_of_who_is_not_in_is_not_found(self, as_user, room):
        before = everything()
        for key in (uuid4(), make_user().pk):
            assert error(as_user.delete(at(room, "members", key))) == (404, "not_found")
            assert error(as_user.patch(at(room, "members", key), {"role": "member"})) == (404, "not_found")
        assert everything()["Member"] == before["Member"]


def test_nothing_changes_in_the_archive(as_user, room, other):
    as_user.post(at(room, "archive"))
    before = everything()
    for answer in (
        as_user.post(at(room, "members"), {"user": str(make_user().pk)}),
        as_user.patch(at(room, "members", other.pk), {"role": "admin"}),
        as_user.delete(at(room, "members", other.pk)),
        as_user.post(at(room, "bans"), {"user": str(other.pk)}),
        as_user.post(at(room, "links"), {}),
        as_user.post(at(room, "invitations"), {"user": str(make_user().pk)}),
    ):
        assert error(answer) == (409, "room_archived")
    assert everything() == before
