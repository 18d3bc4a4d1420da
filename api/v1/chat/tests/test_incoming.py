"""Incoming webhooks: GET and POST rooms/{id}/webhooks/, PATCH and DELETE webhooks/{id}/, POST incoming/{id}/{token}/"""

from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api_keys.tests.factories import make_key
from core.models import AuditEntry
from events.models import Event
from modules.chat.choices import Role, RoomKind
from modules.chat.models import IncomingWebhook, Message, Room
from modules.chat.services import incoming
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db

CHAT = "/api/v1/chat/"


@pytest.fixture
def room(user) -> Room:
    return make_room(user)


@pytest.fixture
def hooks(room) -> str:
    return f"{CHAT}rooms/{room.pk}/webhooks/"


@pytest.fixture
def made(as_user, hooks) -> dict:
    """A webhook as its making was answered."""
    return as_user.post(hooks, {"name": "Build"}).json()["data"]


def one(made) -> str:
    return f"{CHAT}webhooks/{made['id']}/"


def posted(caller, made, **body):
    return caller.post(made["path"], {"text": "It is green.", **body})


class TestMaking:
    def test_the_token_is_shown_once_and_kept_as_a_digest(self, as_user, user, room, hooks):
        answer = as_user.post(hooks, {"name": "  Build   server "})
        assert answer.status_code == 201, answer.json()
        data = answer.json()["data"]
        webhook = IncomingWebhook.objects.get()
        assert answer.headers["Location"] == f"{CHAT}webhooks/{webhook.pk}/"
        assert (data["name"], data["is_active"], data["room"], data["created_by"]) == (
            "Build server",
            True,
            str(room.pk),
            str(user.pk),
        )
        assert data["path"] == f"{CHAT}incoming/{webhook.pk}/{data['token']}/"
        assert len(bytes(webhook.digest)) == 32
        assert data["token"] not in as_user.get(hooks).content.decode()
        assert AuditEntry.objects.get(action="chat.incoming_webhook_created").target_label == "Build server"

    def test_who_may_not_is_refused_and_nothing_is_made(self, api, user, as_bare_key, as_other, as_guest, hooks):
        for call in (lambda who: who.get(hooks), lambda who: who.post(hooks, {"name": "x"})):
            assert_anonymous(call(api))
            assert error(call(as_other)) == (404, "room_not_found")
            assert error(call(as_guest)) == (404, "room_not_found")
        assert_lacks_scope(as_bare_key.get(hooks), "chat:read")
        writer = api.as_key(make_key(user, scopes=["chat:read", "chat:write"]).raw)
        assert_lacks_scope(writer.post(hooks, {"name": "x"}), "chat:manage")
        assert not IncomingWebhook.objects.exists()

    @pytest.mark.parametrize(
        ("role", "may"), [(Role.ADMIN, True), (Role.MODERATOR, False), (Role.MEMBER, False), (Role.READ_ONLY, False)]
    )
    def test_the_role_decides(self, as_other, other, room, hooks, role, may):
        put_in(room, other, role)
        for answer in (as_other.get(hooks), as_other.post(hooks, {"name": "x"})):
            assert (answer.status_code < 300) if may else error(answer) == (403, "role_insufficient")
        assert IncomingWebhook.objects.exists() is may

    def test_who_sees_the_room_and_is_not_in_it_is_told_so(self, as_other, user):
        room = make_room(user, kind=RoomKind.PUBLIC)
        assert error(as_other.get(f"{CHAT}rooms/{room.pk}/webhooks/")) == (403, "not_a_member")

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({}, ("name", "required")),
            ({"name": ""}, ("name", "blank")),
            ({"name": "\u200b\u2063"}, ("name", "hidden_characters")),
            ({"name": "x" * 81}, ("name", "max_length")),
            ({"name": "a\u202eb"}, ("name", "hidden_characters")),
        ],
    )
    def test_a_bad_name_is_refused(self, as_user, hooks, body, wrong):
        assert wrong_fields(as_user.post(hooks, body)) == [wrong]
        assert not IncomingWebhook.objects.exists()

    def test_an_archived_room_takes_none_and_a_room_takes_so_many(self, as_user, room, hooks, monkeypatch):
        Room.objects.update(archived_at=timezone.now())
        assert error(as_user.post(hooks, {"name": "x"})) == (409, "room_archived")
        Room.objects.update(archived_at=None)
        monkeypatch.setattr(incoming, "MAX_WEBHOOKS", 1)
        assert as_user.post(hooks, {"name": "x"}).status_code == 201
        assert error(as_user.post(hooks, {"name": "x"})) == (409, "too_many_incoming_webhooks")
        assert IncomingWebhook.objects.count() == 1

    def test_the_list_has_the_newest_first_in_few_queries(self, as_user, hooks, django_assert_num_queries):
        for name in "abc":
            as_user.post(hooks, {"name": name})
        with django_assert_num_queries(3):
            answer = as_user.get(hooks)
        assert [one["name"] for one in answer.json()["data"]] == ["c", "b", "a"]
        assert wrong_fields(as_user.get(f"{hooks}?page=9")) == [("page", "out_of_range")]


class TestLookingAfter:
    def test_who_may_not_is_refused_and_nothing_changes(self, api, user, as_bare_key, as_other, other, as_guest, room, made):
        calls = (lambda who: who.patch(one(made), {"is_active": False}), lambda who: who.delete(one(made)))
        for call in calls:
            assert_anonymous(call(api))
            assert_lacks_scope(call(as_bare_key), "chat:manage")
            assert error(call(as_other)) == error(call(as_guest)) == (404, "incoming_webhook_not_found")
        put_in(room, other, Role.MODERATOR)
        for call in calls:
            assert error(call(as_other)) == (403, "role_insufficient")
        assert IncomingWebhook.objects.get().is_active

    def test_it_can_be_renamed_and_stopped_and_started(self, as_user, api, made):
        assert as_user.patch(one(made), {"name": "Nightly"}).json()["data"]["name"] == "Nightly"
        assert as_user.patch(one(made), {"is_active": False}).json()["data"]["is_active"] is False
        assert error(posted(api, made)) == (404, "incoming_webhook_not_found")
        as_user.patch(one(made), {"is_active": True})
        assert posted(api, made).status_code == 202
        changes = AuditEntry.objects.filter(action="chat.incoming_webhook_updated").values_list("changes", flat=True)
        assert {"name": ["Build", "Nightly"]} in changes

    def test_what_is_wrong_is_named(self, as_user, made):
        assert wrong_fields(as_user.patch(one(made), {"name": "", "is_active": "maybe"})) == [
            ("name", "blank"),
            ("is_active", "invalid"),
        ]
        assert error(as_user.patch(f"{CHAT}webhooks/{uuid4()}/", {})) == (404, "incoming_webhook_not_found")

    def test_one_that_is_deleted_leaves_what_it_wrote(self, as_user, api, made):
        posted(api, made)
        assert as_user.delete(one(made)).status_code == 204
        message = Message.objects.get()
        assert (message.author, message.sender) == ("Build", None)
        assert error(posted(api, made)) == (404, "incoming_webhook_not_found")
        assert error(as_user.delete(one(made))) == (404, "incoming_webhook_not_found")


class TestWriting:
    def test_it_is_in_the_room_like_any_message(self, api, user, room, made):
        before = write(room, user)
        answer = posted(api, made)
        assert answer.status_code == 202, answer.json()
        message = Message.objects.get(pk=answer.json()["data"]["message"])
        assert (message.number, message.sender) == (before.number + 1, None)
        assert (message.author, message.is_bot, message.text) == ("Build", True, "It is green.")
        event = Event.objects.filter(stream=f"room:{room.pk}", type="message.created").latest("seq")
        assert event.payload["author"] == {"user": None, "name": "Build", "is_bot": True}
        assert event.payload["number"] == answer.json()["data"]["number"] == 2
        assert write(room, user).number == 3
        assert IncomingWebhook.objects.get().last_used_at is not None

    def test_it_may_write_under_another_name_and_mean_somebody(self, api, user, made):
        posted(api, made, username="Release bot", text=f"@{user.username} look")
        message = Message.objects.get()
        assert (message.author, message.mentions) == ("Release bot", [user.pk])
        posted(api, made, username="  ")
        assert Message.objects.latest("number").author == "Build"

    def test_in_a_channel_too(self, api, as_user, user):
        room = make_room(user, kind=RoomKind.BROADCAST)
        made = as_user.post(f"{CHAT}rooms/{room.pk}/webhooks/", {"name": "News"}).json()["data"]
        assert posted(api, made).status_code == 202

    @pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "é" * 20, "x" * 3000])
    def test_a_wrong_token_is_not_found(self, api, made, token):
        for path in (f"{CHAT}incoming/{made['id']}/{token}/", f"{CHAT}incoming/{uuid4()}/{made['token']}/"):
            assert error(api.post(path, {"text": "x"})) == (404, "incoming_webhook_not_found")
        assert not Message.objects.exists()

    def test_another_webhook_s_token_is_wrong(self, api, as_user, hooks, made):
        second = as_user.post(hooks, {"name": "Other"}).json()["data"]
        assert api.post(f"{CHAT}incoming/{made['id']}/{second['token']}/", {"text": "x"}).status_code == 404

    def test_guessing_is_limited_by_address(self, api, made, settings, monkeypatch):
        from api import gate
        from core.limits import parse_policy

        monkeypatch.setattr(gate, "anonymous_policy", lambda: parse_policy("anonymous", "2/60"))
        wrong = f"{CHAT}incoming/{made['id']}/wrong/"
        assert [api.post(wrong, {"text": "x"}).status_code for _ in range(3)] == [404, 404, 429]
        assert posted(api, made).status_code == 202

    def test_five_at_once_and_then_one_a_second(self, api, as_user, hooks, made):
        assert [posted(api, made).status_code for _ in range(6)] == [202] * 5 + [429]
        assert error(posted(api, made)) == (429, "rate_limited")
        other = as_user.post(hooks, {"name": "Other"}).json()["data"]
        assert posted(api, other).status_code == 202
        assert Message.objects.count() == 6

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"text": ""}, ("text", "blank")),
            ({"text": "\u200b"}, ("text", "blank")),
            ({"text": "x" * 8001}, ("text", "max_length")),
            ({"text": None}, ("text", "null")),
            ({"text": ["x"]}, ("text", "invalid")),
            ({"username": "x" * 81}, ("username", "max_length")),
            ({"username": "a\u202eb"}, ("username", "hidden_characters")),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_written(self, api, made, body, wrong):
        assert wrong_fields(posted(api, made, **body)) == [wrong]
        assert not Message.objects.exists()
        assert IncomingWebhook.objects.get().last_used_at is None

    def test_an_archived_or_deleted_room_takes_nothing(self, api, made):
        Room.objects.update(archived_at=timezone.now())
        assert error(posted(api, made)) == (409, "room_archived")
        Room.objects.update(archived_at=None, deleted_at=timezone.now())
        assert error(posted(api, made)) == (404, "incoming_webhook_not_found")
        assert not Message.objects.exists()

    def test_one_that_ends_while_it_is_called_writes_nothing(self, made):
        webhook = IncomingWebhook.objects.get()
        webhook.delete()
        with pytest.raises(incoming.WebhookNotFound):
            incoming.post(webhook=webhook, text="late")
        assert not Message.objects.exists()

    def test_the_same_idempotency_key_is_one_message(self, api, made):
        answers = [api.post(made["path"], {"text": "x"}, headers={"Idempotency-Key": "build-7"}) for _ in range(2)]
        assert answers[0].json()["data"] == answers[1].json()["data"]
        assert Message.objects.count() == 1
