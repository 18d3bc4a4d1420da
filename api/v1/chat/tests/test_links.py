"""GET and POST /api/v1/chat/rooms/{id}/links/, DELETE .../{link}/, POST /api/v1/chat/join/ and join/preview/"""

import hashlib
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from api import gate
from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.room_support import JOIN, at, data, everything
from core.models import AuditEntry
from modules.chat.choices import Role
from modules.chat.exceptions import LinkUnusable
from modules.chat.models import InviteLink, Member
from modules.chat.services import bans, links, rooms
from modules.chat.tests.factories import make_room, put_in
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
PREVIEW = f"{JOIN}preview/"


@pytest.fixture
def room(user):
    return make_room(user, topic="Boats")


def token_of(room, user, role=Role.MEMBER, **bounds):
    return links.make_link(room=room, actor=user, role=role, **bounds).token


class TestMaking:
    def test_shows_the_token_once_and_keeps_its_digest_only(self, as_user, room):
        made = data(as_user.post(at(room, "links"), {"role": "read_only", "expires_in": 3600, "max_uses": 5}), 201)
        assert (made["role"], made["max_uses"], made["uses"], made["revoked_at"]) == ("read_only", 5, 0, None)
        link = InviteLink.objects.get()
        assert bytes(link.digest) == hashlib.sha256(made["token"].encode()).digest()
        assert timedelta(minutes=59) < link.expires_at - timezone.now() <= timedelta(hours=1)
        (row,) = data(as_user.get(at(room, "links")))
        assert row == {name: value for name, value in made.items() if name != "token"}
        assert made["token"] not in str(AuditEntry.objects.values_list("changes", flat=True))

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.GUEST, Role.READ_ONLY])
    def test_and_seeing_is_for_who_looks_after_the_room(self, api, room, role):
        person = make_user()
        put_in(room, person, role)
        before = everything()
        assert error(api.as_user(person).post(at(room, "links"), {})) == (403, "role_insufficient")
        assert error(api.as_user(person).get(at(room, "links"))) == (403, "role_insufficient")
        assert everything() == before

    def test_ends_at_a_hundred_that_can_be_used(self, as_user, room, user):
        old = InviteLink.objects.bulk_create([InviteLink(room=room, digest=uuid4().bytes) for _ in range(100)])
        before = everything()
        assert error(as_user.post(at(room, "links"), {})) == (409, "too_many_links")
        assert everything() == before
        links.revoke_link(room=room, actor=user, link_id=old[0].pk)
        assert as_user.post(at(room, "links"), {}).status_code == 201

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"role": "moderator"}, "invalid_choice"),
            ({"role": "owner"}, "invalid_choice"),
            ({"expires_in": 59}, "min_value"),
            ({"expires_in": 365 * 86_400 + 1}, "max_value"),
            ({"max_uses": 0}, "min_value"),
            ({"max_uses": 1_000_001}, "max_value"),
            ({"max_uses": "many"}, "invalid"),
        ],
    )
    def test_names_what_is_wrong(self, as_user, room, body, code):
        before = everything()
        assert wrong_fields(as_user.post(at(room, "links"), body)) == [(next(iter(body)), code)]
        assert everything() == before

    def test_the_list_names_a_forged_cursor(self, as_user, room):
        assert wrong_fields(as_user.get(f"{at(room, 'links')}?cursor=WyJuIl0")) == [("cursor", "invalid_cursor")]


class TestPreview:
    def test_tells_anybody_with_the_token_where_it_leads(self, api, as_other, room, user):
        body = {"token": token_of(room, user, Role.GUEST)}
        before = everything()
        for caller in (api, as_other):
            shown = data(caller.post(PREVIEW, body))
            assert shown == {
                "kind": "private",
                "name": "Harbour",
                "topic": "Boats",
                "member_count": 1,
                "role": "guest",
                "expires_at": None,
            }
        assert everything() == before

    @pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 201}, {"token": ["x"]}, {"token": "a\x00"}])
    def test_names_what_is_wrong(self, api, body):
        assert [field for field, _ in wrong_fields(api.post(PREVIEW, body))] == ["token"]

    def test_cannot_be_asked_without_end_from_one_address(self, api, settings):
        settings.LIMIT_SENSITIVE = "2/60"
        gate.sensitive_policy.cache_clear()
        try:
            codes = [api.post(PREVIEW, {"token": "guess"}).status_code for _ in range(3)]
        finally:
            gate.sensitive_policy.cache_clear()
        assert codes == [404, 404, 429]


class TestJoining:
    def test_lets_in_as_the_link_says_and_counts(self, as_other, room, user, other):
        shown = data(as_other.post(JOIN, {"token": token_of(room, user, Role.READ_ONLY, max_uses=2)}))
        assert (shown["id"], shown["me"]["role"]) == (str(room.pk), "read_only")
        assert InviteLink.objects.get().uses == 1

    def test_by_a_guests_link_makes_an_account_a_member(self, as_other, room, user):
        assert data(as_other.post(JOIN, {"token": token_of(room, user, Role.GUEST)}))["me"]["role"] == "member"

    def test_twice_is_refused_and_counts_once(self, as_other, room, user):
        body = {"token": token_of(room, user, max_uses=2)}
        as_other.post(JOIN, body)
        before = everything()
        assert error(as_other.post(JOIN, body)) == (409, "already_member")
        assert everything() == before

    def test_of_a_banned_one_is_refused_and_counts_nothing(self, as_other, room, user, other):
        body = {"token": token_of(room, user, max_uses=1)}
        bans.ban(room=room, actor=user, user_id=other.pk)
        before = everything()
        assert error(as_other.post(JOIN, body)) == (403, "banned")
        assert everything() == before

    def test_of_a_guest_of_another_room_is_refused(self, as_guest, room, user):
        body = {"token": token_of(room, user)}
        before = everything()
        assert error(as_guest.post(JOIN, body)) == (403, "account_required")
        assert everything() == before

    @pytest.mark.parametrize("why", ["unknown", "revoked", "used up", "expired", "deleted", "archived"])
    def test_a_link_that_is_over_is_refused_alike_everywhere(self, api, as_user, as_other, room, user, why):
        made = links.make_link(room=room, actor=user, role=Role.MEMBER, expires_in=timedelta(hours=1), max_uses=1)
        body = {"token": "guess" if why == "unknown" else made.token}
        if why == "revoked":
            assert as_user.delete(at(room, "links", made.link.pk)).status_code == 204
            assert as_user.delete(at(room, "links", made.link.pk)).status_code == 204
            assert AuditEntry.objects.filter(action="chat.link_revoked").count() == 1
        elif why == "used up":
            links.join_by_link(token=made.token, actor=make_user())
        elif why == "expired":
            InviteLink.objects.update(expires_at=timezone.now())
        elif why == "deleted":
            rooms.delete_room(room=room, actor=user)
        elif why == "archived":
            rooms.archive_room(room=room, actor=user, is_archived=True)
        before = everything()
        answers = [
            as_other.post(JOIN, body),
            api.post(PREVIEW, body),
            api.post(f"{JOIN}guest/", {**body, "display_name": "Visitor"}),
        ]
        assert [error(answer) for answer in answers] == [(404, "link_unusable")] * 3
        assert len({answer.json()["error"]["message"] for answer in answers}) == 1
        assert everything() == before

    def test_ends_with_the_time_of_the_link(self, as_other, room, user):
        token = token_of(room, user, expires_in=timedelta(hours=1))
        with time_machine.travel(timezone.now() + timedelta(minutes=61)), pytest.raises(LinkUnusable):
            links.usable_link(token)

    @pytest.mark.django_db(transaction=True)
    def test_a_link_of_five_uses_lets_five_of_twelve_in_at_once(self, room, user):
        token, people = token_of(room, user, max_uses=5), [make_user() for _ in range(12)]
        together, outcomes = threading.Barrier(len(people)), []

        def run(person):
            try:
                together.wait()
                outcomes.append(links.join_by_link(token=token, actor=person).role)
            except LinkUnusable as refused:
                outcomes.append(refused.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["link_unusable"] * 7 + ["member"] * 5
        room.refresh_from_db()
        assert InviteLink.objects.get().uses == 5
        assert room.member_count == Member.objects.filter(room=room).count() == 6


class TestRevoking:
    def test_of_another_room_s_link_is_not_found(self, as_user, room, user):
        link = links.make_link(room=make_room(user), actor=user, role=Role.MEMBER).link
        before = everything()
        for key in (link.pk, uuid4()):
            assert error(as_user.delete(at(room, "links", key))) == (404, "not_found")
        assert everything() == before
