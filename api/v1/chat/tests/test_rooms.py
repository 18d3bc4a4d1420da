"""GET and POST /api/v1/chat/rooms/, GET, PATCH and DELETE .../{id}/, archive/ and unarchive/, join/ and leave/"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import ROOMS, at, data, everything, told
from core.models import AuditEntry
from modules.chat.choices import Role
from modules.chat.models import Member, Room
from modules.chat.services import rooms
from modules.chat.tests.factories import make_room, put_in, write
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db
HIDDEN = ("Ad\u200bmin", "\u202eemit", "a\u2066b", "\u200b\u200b", "bell\x07")


def names(response):
    return [row["name"] for row in data(response)]


class TestMaking:
    def test_makes_one_an_owner_and_brings_the_others_in(self, as_user, user, other):
        body = {"kind": "group", "name": "  Cafe\u0301   am Hafen ", "topic": "Boats", "members": [str(other.pk), str(user.pk)]}
        answer = as_user.post(ROOMS, body)
        room = data(answer, 201)
        assert answer.headers["Location"] == f"{ROOMS}{room['id']}/"
        assert (room["name"], room["kind"], room["join_rule"], room["member_count"]) == (
            "Caf\u00e9 am Hafen",
            "group",
            "invite",
            2,
        )
        assert (room["me"]["role"], room["me"]["unread"]["messages"], room["other"]) == ("owner", 0, None)
        assert Member.objects.get(user=other).role == Role.MEMBER
        assert [event["user"] for event in told(f"room:{room['id']}", "member.joined")] == [str(user.pk), str(other.pk)]
        assert told(f"user:{other.pk}", "chat.room.added")[0]["room"] == room["id"]
        assert AuditEntry.objects.get(action="chat.room_created").target_id == room["id"]

    def test_takes_as_many_queries_for_many_as_for_few(self, user, django_assert_max_num_queries):
        people = [make_user().pk for _ in range(12)]
        with django_assert_max_num_queries(20):
            rooms.create_room(actor=user, kind="group", name="Crowd", members=people)

    @pytest.mark.parametrize(
        ("kind", "rule"), [("public", "open"), ("private", "invite"), ("group", "invite"), ("broadcast", "invite")]
    )
    def test_public_rooms_are_open_unless_said_otherwise_and_no_others(self, as_user, kind, rule):
        assert data(as_user.post(ROOMS, {"kind": kind, "name": "Room"}), 201)["join_rule"] == rule

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({}, "name", "required"),
            ({"kind": "direct"}, "kind", "invalid_choice"),
            ({"kind": ["public"]}, "kind", "invalid_choice"),
            ({"name": "x" * 81}, "name", "max_length"),
            ({"name": "a\x00"}, "name", "null_characters_not_allowed"),
            *(({"name": name}, "name", None) for name in HIDDEN),
            ({"topic": "x" * 501}, "topic", "max_length"),
            ({"join_rule": "open", "kind": "private"}, "join_rule", "wrong_for_kind"),
            ({"join_rule": "request", "kind": "group"}, "join_rule", "wrong_for_kind"),
            ({"history": "none"}, "history", "invalid_choice"),
            ({"slow_mode_seconds": -1}, "slow_mode_seconds", "min_value"),
            ({"slow_mode_seconds": 21_601}, "slow_mode_seconds", "max_value"),
            ({"slow_mode_seconds": 10**30}, "slow_mode_seconds", None),
            ({"retention_days": 0}, "retention_days", "min_value"),
            ({"retention_days": 36_501}, "retention_days", "max_value"),
            ({"members": ["x"]}, "members.0", "invalid"),
            ({"members": ["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a44"]}, "members", "does_not_exist"),
            ({"members": ["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a44"] * 100}, "members", "max_length"),
            ({"members": "all"}, "members", "not_a_list"),
        ],
    )
    def test_names_what_is_wrong(self, as_user, body, field, code):
        before = everything()
        given = {"kind": "private", "name": "Room", **body} if body else {"kind": "private"}
        found = wrong_fields(as_user.post(ROOMS, given))
        assert [name for name, _ in found] == [field]
        assert code in (None, found[0][1])
        assert everything() == before

    def test_brings_no_guests_in(self, as_user):
        guest = make_guest()
        answer = as_user.post(ROOMS, {"kind": "group", "name": "Room", "members": [str(guest.pk)]})
        assert wrong_fields(answer) == [("members", "is_guest")]
        assert not Room.objects.exists()


class TestTheList:
    def test_has_the_own_rooms_with_the_newest_messages_first(self, as_user, as_other, user, other):
        quiet, loud, _ = make_room(user, other, name="Quiet"), make_room(user, other, name="Loud"), make_room(other, name="Not")
        write(loud, other, f"@{user.username} hi")
        write(quiet, other)
        write(loud, other)
        rows = data(as_user.get(ROOMS))
        assert [row["name"] for row in rows] == ["Loud", "Quiet"]
        assert [row["me"]["unread"] for row in rows] == [
            {"messages": 2, "mentions": 1, "threads": 0},
            {"messages": 1, "mentions": 0, "threads": 0},
        ]
        assert (rows[0]["member_count"], rows[0]["last_number"], rows[0]["last_message_at"] is None) == (2, 2, False)
        assert names(as_other.get(ROOMS)) == ["Loud", "Quiet", "Not"]

    def test_names_the_other_person_of_a_direct_room(self, as_user, user, other):
        rooms.open_direct(actor=user, other_id=other.pk)
        (row,) = data(as_user.get(ROOMS))
        assert (row["name"], row["other"]) == ("", {"user": str(other.pk), "name": other.username})

    def test_is_filtered(self, as_user, user, other):
        boats, trains = make_room(user, name="Boats 100%"), make_room(user, kind="public", name="Trains")
        direct, _ = rooms.open_direct(actor=user, other_id=other.pk)
        as_user.patch(at(boats, "me"), {"is_favourite": True})
        as_user.post(at(trains, "archive"))
        assert names(as_user.get(f"{ROOMS}?favourite=true")) == ["Boats 100%"]
        assert names(as_user.get(f"{ROOMS}?archived=true")) == ["Trains"]
        assert names(as_user.get(f"{ROOMS}?archived=false&kind=private")) == ["Boats 100%"]
        assert names(as_user.get(f"{ROOMS}?search=oAT")) == ["Boats 100%"]
        assert names(as_user.get(f"{ROOMS}?search=100%25")) == ["Boats 100%"]
        assert names(as_user.get(f"{ROOMS}?search=_")) == []
        assert [row["id"] for row in data(as_user.get(f"{ROOMS}?search={other.username[2:]}"))] == [str(direct.pk)]

    @pytest.mark.parametrize(
        "query", ["kind=open", "archived=maybe", "favourite=2", f"search={'x' * 101}", "search=%00", "page=0", "page_size=101"]
    )
    def test_names_a_bad_parameter(self, as_user, query):
        (field, _), *_ = wrong_fields(as_user.get(f"{ROOMS}?{query}"))
        assert field == query.partition("=")[0]

    def test_takes_as_many_queries_for_many_as_for_few(self, as_user, user, other):
        def more(number):
            for count in range(number):
                write(make_room(user, other, name=f"Room {number} {count}"), other)
                rooms.open_direct(actor=user, other_id=make_user().pk)

        def asked():
            with CaptureQueriesContext(connection) as queries:
                assert as_user.get(f"{ROOMS}?page_size=100").status_code == 200
            return len(queries)

        more(1)
        asked()
        few = asked()
        more(10)
        assert asked() == few <= 4


class TestOne:
    def test_is_shown_to_members_with_their_place_and_to_others_without(self, as_user, as_other, user):
        room = make_room(user, kind="public", topic="Boats")
        assert data(as_user.get(at(room)))["me"]["role"] == "owner"
        shown = data(as_other.get(at(room)))
        assert (shown["me"], shown["topic"], shown["member_count"]) == (None, "Boats", 1)

    def test_an_archived_one_is_its_members_only(self, as_user, as_other, user):
        room = make_room(user, kind="public")
        assert data(as_user.post(at(room, "archive")))["archived_at"]
        assert as_user.get(at(room)).status_code == 200
        assert error(as_other.get(at(room))) == (404, "room_not_found")

    def test_an_open_channel_is_found_and_a_closed_one_is_not(self, as_other, user):
        assert as_other.get(at(make_room(user, kind="broadcast", join_rule="open"))).status_code == 200
        assert as_other.get(at(make_room(user, kind="broadcast"))).status_code == 404


class TestChanging:
    BODY = {"name": "Docks", "topic": "Ships", "history": "since_joining", "slow_mode_seconds": 30, "retention_days": 7}

    def test_sets_what_is_given_and_says_so(self, as_user, user):
        room = make_room(user)
        shown = data(as_user.patch(at(room), self.BODY))
        assert {name: shown[name] for name in self.BODY} == self.BODY
        (event,) = told(f"room:{room.pk}", "room.updated")
        assert {name: event[name] for name in self.BODY} == self.BODY
        assert AuditEntry.objects.get(action="chat.room_updated").changes["topic"] == ["", "Ships"]
        assert data(as_user.patch(at(room), {"retention_days": None}))["retention_days"] is None

    def test_to_what_it_is_tells_nobody(self, as_user, user):
        room = make_room(user)
        before = everything()
        assert as_user.patch(at(room), {"name": room.name}).status_code == 200
        assert as_user.patch(at(room), {}).status_code == 200
        assert everything() == before

    def test_does_not_open_the_past_again(self, as_user, user):
        room = make_room(user, history="since_joining")
        assert wrong_fields(as_user.patch(at(room), {"history": "all"})) == [("history", "cannot_widen")]

    @pytest.mark.parametrize("name", HIDDEN)
    def test_takes_no_name_that_deceives(self, as_user, user, name):
        room = make_room(user)
        before = everything()
        assert [field for field, _ in wrong_fields(as_user.patch(at(room), {"name": name}))] == ["name"]
        assert everything() == before

    def test_does_not_happen_in_the_archive(self, as_user, user):
        room = make_room(user)
        as_user.post(at(room, "archive"))
        as_user.post(at(room, "archive"))
        before = everything()
        assert error(as_user.patch(at(room), {"topic": "x"})) == (409, "room_archived")
        assert everything() == before
        assert data(as_user.post(at(room, "unarchive")))["archived_at"] is None
        assert len(told(f"room:{room.pk}", "room.updated")) == 2
        assert as_user.patch(at(room), {"topic": "x"}).status_code == 200


class TestDeleting:
    def test_ends_it_for_everybody_who_are_told(self, as_user, as_other, user, other):
        room = make_room(user, other)
        assert as_user.delete(at(room)).status_code == 204
        assert data(as_other.get(ROOMS)) == []
        assert told(f"room:{room.pk}", "room.deleted") == [{"room": str(room.pk), "by": str(user.pk)}]
        assert told(f"user:{other.pk}", "chat.room.removed") == [{"room": str(room.pk), "reason": "deleted"}]

    def test_is_its_owners_alone(self, as_other, user, other):
        room = make_room(user)
        put_in(room, other, Role.ADMIN)
        assert error(as_other.delete(at(room))) == (403, "role_insufficient")
        assert Room.objects.get().deleted_at is None


class TestJoining:
    def test_an_open_room_happens_at_once_and_once(self, as_other, user, other):
        room = make_room(user, kind="public")
        write(room, user)
        shown = data(as_other.post(at(room, "join")))
        assert (shown["me"]["role"], shown["me"]["unread"]["messages"], shown["member_count"]) == ("member", 0, 2)
        assert told(f"room:{room.pk}", "member.joined")[-1]["user"] == str(other.pk)
        before = everything()
        assert error(as_other.post(at(room, "join"))) == (409, "already_member")
        assert everything() == before

    @pytest.mark.parametrize(("rule", "code"), [("request", "request_required"), ("invite", "invitation_required")])
    def test_a_closed_one_says_what_to_do(self, as_other, as_user, user, rule, code):
        room = make_room(user, kind="public", join_rule=rule)
        before = everything()
        assert error(as_other.post(at(room, "join"))) == (409, code)
        assert error(as_user.post(at(room, "join"))) == (409, "already_member")
        assert everything() == before

    def test_ends_where_the_room_is_full(self, as_other, user, settings):
        settings.CHAT_MAX_MEMBERS = 1
        room = make_room(user, kind="public")
        before = everything()
        assert error(as_other.post(at(room, "join"))) == (409, "room_full")
        assert everything() == before

    def test_again_starts_with_nothing_unread(self, as_other, user, other):
        room = make_room(user, other, kind="public")
        as_other.post(at(room, "leave"))
        write(room, user)
        assert data(as_other.post(at(room, "join")))["me"]["unread"]["messages"] == 0


class TestLeaving:
    def test_takes_one_out(self, as_other, user, other):
        room = make_room(user, other)
        assert as_other.post(at(room, "leave")).status_code == 204
        assert told(f"room:{room.pk}", "member.left")[0]["reason"] == "left"
        room.refresh_from_db()
        assert room.member_count == 1
        assert error(as_other.post(at(room, "leave"))) == (404, "room_not_found")

    def test_is_not_for_the_last_owner_of_others(self, as_user, user, other):
        room = make_room(user, other)
        before = everything()
        assert error(as_user.post(at(room, "leave"))) == (409, "last_owner")
        assert everything() == before

    def test_of_the_last_one_ends_the_room(self, as_user, user):
        room = make_room(user)
        assert as_user.post(at(room, "leave")).status_code == 204
        room.refresh_from_db()
        assert room.deleted_at is not None

    def test_a_direct_room_is_not_left(self, as_user, user, other):
        room, _ = rooms.open_direct(actor=user, other_id=other.pk)
        assert error(as_user.post(at(room, "leave"))) == (403, "role_insufficient")
        assert Member.objects.count() == 2

    def test_is_possible_in_the_archive(self, as_user, as_other, user, other):
        room = make_room(user, other)
        as_user.post(at(room, "archive"))
        assert as_other.post(at(room, "leave")).status_code == 204
