"""POST /api/v1/chat/rooms/{id}/messages/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.message_support import closed, reader_of, refused
from api.v1.chat.tests.room_support import at, data, told
from modules.chat.choices import FileKind
from modules.chat.models import Ban, ChatFile, Member, Message, Room
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user):
    """A room of the ordinary person."""
    return make_room(user)


def send(caller, room, text="hello", **fields):
    return caller.post(at(room, "messages"), {"text": text, **fields})


def a_file(owner, **fields):
    return ChatFile.objects.create(
        owner=owner, kind=FileKind.FILE, file="chat/x", filename="x.txt", mime_type="text/plain", size=1, **fields
    )


def test_only_members_with_the_scope_write(api, user, room):
    closed(api, room, user, lambda caller: send(caller, room))


def test_it_is_there_told_and_answered_whole(as_user, user, room):
    answer = send(as_user, room, "hello")
    shown = data(answer, 201)
    assert (shown["text"], shown["number"], shown["author"]["user"]) == ("hello", 1, str(user.pk))
    assert answer.headers["Location"] == f"{at(room, 'messages')}{shown['id']}/"
    assert data(as_user.get(answer.headers["Location"])) == shown
    assert [event["message"] for event in told(f"room:{room.pk}", "message.created")] == [shown["id"]]


def test_the_same_cid_is_the_same_message(as_user, room):
    cid = str(uuid4())
    first, again = send(as_user, room, "once", cid=cid), send(as_user, room, "other words", cid=cid)
    assert (first.status_code, again.status_code) == (201, 200)
    assert data(first, 201)["id"] == data(again)["id"]
    assert data(again)["text"] == "once"
    assert Message.objects.count() == 1


def test_without_a_cid_each_is_one(as_user, room):
    assert [send(as_user, room).status_code for _ in range(2)] == [201, 201]
    assert [send(as_user, room, cid=None).status_code for _ in range(2)] == [201, 201]
    assert Message.objects.count() == 4


def test_a_repeat_with_the_same_idempotency_key_is_one_message(as_user, room):
    answers = [as_user.post(at(room, "messages"), {"text": "once"}, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Message.objects.count() == 1


def test_a_key_writes_as_a_bot(as_key, room):
    assert data(send(as_key, room), 201)["author"]["is_bot"] is True


def test_a_guest_of_the_room_writes(as_guest, guest, room):
    put_in(room, guest, "guest")
    assert send(as_guest, room).status_code == 201


def test_who_may_only_read_does_not_write(api, room):
    reader = reader_of(api, room)
    refused(lambda: send(reader, room), 403, "role_insufficient")


def test_members_do_not_write_into_a_channel(as_other, user, other):
    room = make_room(user, other, kind="broadcast")
    refused(lambda: send(as_other, room), 403, "role_insufficient")


def test_who_was_muted_does_not_write(as_other, other, room):
    put_in(room, other)
    Member.objects.filter(user=other).update(muted_until=timezone.now() + timedelta(hours=1))
    refused(lambda: send(as_other, room), 403, "muted")


def test_who_was_banned_from_a_public_room_does_not_find_it(as_other, user, other):
    room = make_room(user, kind="public")
    refused(lambda: send(as_other, room), 403, "not_a_member")
    Ban.objects.create(room=room, user=other)
    refused(lambda: send(as_other, room), 404, "room_not_found")


def test_nothing_is_written_into_an_archived_room(as_user, room):
    Room.objects.filter(pk=room.pk).update(archived_at=timezone.now())
    refused(lambda: send(as_user, room), 409, "room_archived")


def test_a_burst_has_an_end_that_says_when_to_go_on(as_user, room):
    assert send(as_user, room).status_code == 201
    # As after many at once.
    Member.objects.update(paced_until=timezone.now() + timedelta(seconds=30))
    answer = send(as_user, room)
    assert error(answer) == (429, "rate_limited")
    assert 20 < int(answer.headers["Retry-After"]) <= 31
    assert Message.objects.count() == 1


def test_a_room_takes_a_burst_from_all_together(as_user, as_other, user, other):
    room = make_room(user, other)
    assert send(as_user, room).status_code == 201
    Room.objects.filter(pk=room.pk).update(paced_until=timezone.now() + timedelta(seconds=30))
    for caller in (as_user, as_other):
        answer = send(caller, room)
        assert error(answer) == (429, "rate_limited")
        assert 20 < int(answer.headers["Retry-After"]) <= 31
    assert Message.objects.count() == 1
    Room.objects.filter(pk=room.pk).update(paced_until=timezone.now() - timedelta(seconds=1))
    assert send(as_other, room).status_code == 201


def test_slow_mode_is_a_pause_for_members(as_other, user, other):
    room = make_room(user, other, slow_mode_seconds=60)
    assert send(as_other, room).status_code == 201
    assert error(send(as_other, room)) == (429, "slow_mode")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "text", "blank"),
        ({"text": ""}, "text", "blank"),
        ({"text": " \n\t"}, "text", "blank"),
        ({"text": "\u200b\u2060\ufeff\u202e"}, "text", "blank"),
        ({"text": "x" * 8001}, "text", "max_length"),
        ({"text": "a\x00b"}, "text", "null_characters_not_allowed"),
        ({"text": ["a"]}, "text", "invalid"),
        ({"text": None}, "text", "null"),
        ({"text": "a", "cid": "x"}, "cid", "invalid"),
        ({"text": "a", "cid": -1}, "cid", "invalid"),
        ({"text": "a", "root": "x"}, "root", "invalid"),
        ({"text": "a", "root": str(uuid4())}, "root", "does_not_exist"),
        ({"text": "a", "reply_to": str(uuid4())}, "reply_to", "does_not_exist"),
        ({"text": "a", "files": [str(uuid4())]}, "files", "does_not_exist"),
        ({"text": "a", "files": [str(uuid4())] * 11}, "files", "max_length"),
        ({"text": "a", "files": "x"}, "files", "not_a_list"),
    ],
)
def test_what_is_no_message_is_refused(as_user, room, body, field, code):
    answer = as_user.post(at(room, "messages"), body)
    assert wrong_fields(answer) == [(field, code)]
    assert not Message.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "{", '{"text": "\\ud800"}'])
def test_what_is_no_object_is_refused(as_user, room, body):
    assert as_user.post(at(room, "messages"), body, content_type="application/json").status_code == 400
    assert not Message.objects.exists()


def test_a_text_of_a_megabyte_is_refused(as_user, room):
    assert send(as_user, room, "x" * 1_048_576).status_code in (400, 413)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 8000,
        "\U0001f600" * 8000,
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "&lt;b&gt; 'quoted' \"twice\" \\ %s {} ${x}",
        "\u202egnp.exe\u202c and \u2066isolated\u2069",
        "  kept \n\n as it was written  ",
        "Z\u0351a\u0351\u0352l\u0351go",
        "'; DROP TABLE chat_message; --",
    ],
)
def test_a_text_comes_back_as_it_was_written(as_user, room, text):
    shown = data(send(as_user, room, text), 201)
    assert shown["text"] == text
    assert [row["text"] for row in data(as_user.get(at(room, "messages")))] == [text]


@pytest.mark.parametrize("field", ["root", "reply_to"])
def test_a_message_of_another_room_is_not_answered(as_user, user, room, field):
    foreign = write(make_room(user), user)
    answer = send(as_user, room, **{field: str(foreign.pk)})
    assert wrong_fields(answer) == [(field, "does_not_exist")]


def test_files_of_others_and_those_that_were_sent_are_not_sent(as_user, user, other, room):
    theirs, mine = a_file(other), a_file(user)
    assert wrong_fields(send(as_user, room, files=[str(theirs.pk)])) == [("files", "does_not_exist")]
    shown = data(send(as_user, room, "", files=[str(mine.pk)]), 201)
    assert [file["id"] for file in shown["files"]] == [str(mine.pk)]
    assert wrong_fields(send(as_user, room, files=[str(mine.pk)])) == [("files", "does_not_exist")]
    assert wrong_fields(send(as_user, room, files=[str(uuid4())] * 2)) == [("files", "too_many")]
