"""PATCH /api/v1/chat/rooms/{id}/messages/{mid}/ and GET .../edits/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.answers import wrong_fields
from api.v1.chat.tests.message_support import closed, of, refused
from api.v1.chat.tests.room_support import data, told
from modules.chat.models import Member, Mention, Message, MessageEdit, Room, ThreadFollower
from modules.chat.services import messages
from modules.chat.tests.factories import make_room, put_in, write
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


@pytest.fixture
def message(room, user):
    """A message of the ordinary person."""
    return write(room, user, "hello")


def edit(caller, message, text="better"):
    return caller.patch(of(message), {"text": text})


def test_only_members_with_the_scope_are_let_in(api, user, room, message):
    closed(api, room, user, lambda caller: edit(caller, message))
    closed(api, room, user, lambda caller: caller.get(of(message, "edits")), scope="chat:read")


def test_it_says_something_else_and_what_it_said_is_kept(as_user, as_other, room, message):
    shown = data(edit(as_user, message))
    assert (shown["text"], shown["edited_at"] is None) == ("better", False)
    edit(as_user, message, "best")
    assert data(as_other.get(of(message)))["text"] == "best"
    assert [row["text"] for row in data(as_other.get(of(message, "edits")))] == ["better", "hello"]
    assert [event["text"] for event in told(f"room:{room.pk}", "message.updated")] == ["better", "best"]


def test_the_same_words_again_are_no_edit(as_user, room, message):
    assert data(edit(as_user, message, "hello"))["edited_at"] is None
    assert not MessageEdit.objects.exists()
    assert told(f"room:{room.pk}", "message.updated") == []


def test_nobody_edits_what_others_wrote(as_other, as_user, other, room, message):
    refused(lambda: edit(as_other, message), 403, "role_insufficient")
    theirs = write(room, other)
    # Its owner neither.
    refused(lambda: edit(as_user, theirs), 403, "role_insufficient")


def test_what_a_webhook_or_a_deleted_account_wrote_is_nobody_s_to_edit(as_user, message):
    Message.objects.filter(pk=message.pk).update(sender=None)
    refused(lambda: edit(as_user, message), 403, "role_insufficient")


def test_the_time_for_it_ends(as_user, message, settings):
    settings.CHAT_EDIT_MINUTES = 10
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(minutes=9, seconds=50))
    assert edit(as_user, message).status_code == 200
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(minutes=10, seconds=1))
    refused(lambda: edit(as_user, message, "too late"), 409, "edit_window_over")


def test_who_may_not_write_any_more_edits_nothing(as_other, as_guest, guest, other, room):
    put_in(room, guest, "guest")
    theirs, mine = write(room, guest), write(room, other)
    assert edit(as_guest, theirs).status_code == 200
    Member.objects.filter(user=guest).update(role="read_only")
    refused(lambda: edit(as_guest, theirs, "again"), 403, "role_insufficient")
    Member.objects.filter(user=other).update(muted_until=timezone.now() + timedelta(hours=1))
    refused(lambda: edit(as_other, mine), 403, "muted")


def test_nothing_is_edited_in_an_archived_room(as_user, room, message):
    Room.objects.filter(pk=room.pk).update(archived_at=timezone.now())
    refused(lambda: edit(as_user, message), 409, "room_archived")


def test_a_deleted_message_is_not_edited(as_user, message):
    assert as_user.delete(of(message)).status_code == 204
    refused(lambda: edit(as_user, message), 409, "message_deleted")


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "blank"), ("\u200b", "blank"), ("x" * 8001, "max_length"), ("\x00", "null_characters_not_allowed"), (None, "null")],
)
def test_what_is_no_text_is_refused(as_user, message, text, code):
    assert wrong_fields(edit(as_user, message, text)) == [("text", code)]
    message.refresh_from_db()
    assert message.text == "hello"


def test_edits_are_as_fast_as_messages(as_user, user, message):
    Member.objects.filter(user=user).update(paced_until=timezone.now() + timedelta(seconds=30))
    refused(lambda: edit(as_user, message), 429, "rate_limited")


def test_a_message_has_so_many_edits(as_user, message, monkeypatch):
    monkeypatch.setattr(messages, "MAX_EDITS", 2)
    assert [edit(as_user, message, text).status_code for text in ("a", "b")] == [200, 200]
    refused(lambda: edit(as_user, message, "c"), 409, "too_many_edits")


class TestMentions:
    @pytest.fixture
    def third(self, room):
        """A third one in the room."""
        third = make_user(username="third")
        put_in(room, third)
        return third

    def test_who_is_meant_now_is_told_and_who_is_not_is_forgotten(self, as_user, user, other, third, room):
        message = write(room, user, f"@{other.username}")
        shown = data(edit(as_user, message, f"no, @{third.username}"))
        assert shown["mentions"] == [str(third.pk)]
        assert [one.user_id for one in Mention.objects.all()] == [third.pk]
        assert len(told(f"user:{third.pk}", "chat.mentioned")) == 1
        assert len(told(f"user:{other.pk}", "chat.mentioned")) == 1

    def test_nobody_is_told_twice(self, as_user, user, other, room):
        message = write(room, user, f"@{other.username}")
        for text in (f"@{other.username}!", "nobody", f"@{other.username.upper()} again"):
            edit(as_user, message, text)
        assert len(told(f"user:{other.pk}", "chat.mentioned")) == 1
        assert Mention.objects.get().user_id == other.pk

    def test_everybody_is_meant_by_who_may(self, as_user, as_other, user, other, room):
        mine, theirs = write(room, user), write(room, other)
        assert data(edit(as_user, mine, "@all"))["mentions_all"] is True
        assert data(edit(as_other, theirs, "@all"))["mentions_all"] is False
        assert Mention.objects.filter(user=None).count() == 1
        assert data(edit(as_user, mine, "few"))["mentions_all"] is False
        assert not Mention.objects.exists()

    def test_in_a_thread_they_follow_it(self, as_user, user, third, room):
        root = write(room, user)
        answer = write(room, user, "so", root_id=root.pk)
        edit(as_user, answer, f"so, @{third.username}")
        assert ThreadFollower.objects.filter(root=root, user=third).exists()
        assert Mention.objects.get().number == root.number

    def test_outsiders_and_oneself_are_not_told(self, as_user, user, message):
        outsider = make_user(username="faraway")
        edit(as_user, message, f"@faraway @{user.username}")
        assert told(f"user:{outsider.pk}", "chat.mentioned") == told(f"user:{user.pk}", "chat.mentioned") == []
        assert not Mention.objects.exists()
