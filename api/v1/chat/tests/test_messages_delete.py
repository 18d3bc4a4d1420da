"""DELETE /api/v1/chat/rooms/{id}/messages/{mid}/"""

import pytest
from django.utils import timezone

from api.v1.chat.tests.message_support import closed, of, reader_of, refused
from api.v1.chat.tests.room_support import at, data, told
from api.v1.chat.tests.test_messages_send import a_file
from core.models import AuditEntry
from modules.chat.models import ChatFile, Member, Mention, Message, MessageEdit, Reaction, Room
from modules.chat.selectors import member_of
from modules.chat.services import messages, pins, reactions
from modules.chat.tests.factories import make_room, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


def test_only_members_with_the_scope_are_let_in(api, user, room):
    message = write(room, user)
    closed(api, room, user, lambda caller: caller.delete(of(message)))


def test_nothing_of_it_is_left_but_its_place(as_other, user, other, room):
    file = a_file(other)
    message = write(room, other, f"secret for @{user.username}", file_ids=(file.pk,))
    place = member_of(room.pk, other.pk)
    messages.edit_message(member=place, message=message, text=f"secret 2 for @{user.username}")
    reactions.add_reaction(member=place, message=message, emoji="👍")
    pins.pin_message(member=member_of(room.pk, user.pk), message=message, actor=user)
    assert as_other.delete(of(message)).status_code == 204
    shown = data(as_other.get(of(message)))
    assert (shown["text"], shown["files"], shown["reactions"], shown["mentions"], shown["previews"]) == ("", [], {}, [], [])
    assert (shown["number"], shown["deleted_by"], shown["pinned_at"]) == (1, str(other.pk), None)
    assert not any(kind.objects.exists() for kind in (MessageEdit, Reaction, Mention))
    assert data(as_other.get(of(message, "edits"))) == data(as_other.get(at(room, "pins"))) == []
    file = ChatFile.objects.get()
    assert (file.message_id, file.room_id, file.owner_id) == (None, None, None)
    assert told(f"room:{room.pk}", "message.deleted") == [
        {"message": str(message.pk), "room": str(room.pk), "number": 1, "root": None, "by": str(other.pk)}
    ]
    assert not AuditEntry.objects.filter(action="chat.message_deleted").exists()


def test_its_file_is_not_sent_again(as_other, other, room):
    file = a_file(other)
    message = write(room, other, "", file_ids=(file.pk,))
    as_other.delete(of(message))
    assert as_other.post(at(room, "messages"), {"files": [str(file.pk)]}).status_code == 400


def test_the_numbers_of_others_stay(as_user, user, room):
    first, second = write(room, user, "a"), write(room, user, "b")
    as_user.delete(of(first))
    assert [(row["number"], row["text"]) for row in data(as_user.get(at(room, "messages")))] == [(1, ""), (2, "b")]
    assert write(room, user).number == second.number + 1


def test_its_thread_stays(as_user, as_other, user, other, room):
    root = write(room, user, "question")
    write(room, other, "answer", root_id=root.pk)
    as_user.delete(of(root))
    assert [row["text"] for row in data(as_other.get(of(root, "thread")))] == ["answer"]
    assert data(as_other.get(of(root)))["reply_count"] == 1


def test_twice_is_harmless(as_user, user, room):
    message = write(room, user)
    assert [as_user.delete(of(message)).status_code for _ in range(2)] == [204, 204]
    assert len(told(f"room:{room.pk}", "message.deleted")) == 1


def test_a_moderator_deletes_what_others_wrote_and_it_is_noted(as_user, user, other, room):
    message = write(room, other, "spam")
    assert as_user.delete(of(message)).status_code == 204
    entry = AuditEntry.objects.get(action="chat.message_deleted")
    assert (entry.actor_id, entry.changes["message"]) == (user.pk, str(message.pk))
    assert "spam" not in str(entry.changes)


def test_members_do_not(as_other, api, user, room):
    message = write(room, user)
    refused(lambda: as_other.delete(of(message)), 403, "role_insufficient")
    reader = reader_of(api, room)
    refused(lambda: reader.delete(of(message)), 403, "role_insufficient")


def test_of_two_people_nobody_deletes_the_other_s(as_user, user, other):
    from modules.chat.services.rooms import open_direct

    room, _ = open_direct(actor=user, other_id=other.pk)
    message = write(room, other)
    refused(lambda: as_user.delete(of(message)), 403, "role_insufficient")


def test_a_guest_deletes_its_own_until_it_may_only_read(as_guest, guest, room):
    from modules.chat.tests.factories import put_in

    put_in(room, guest, "guest")
    first, second = write(room, guest), write(room, guest)
    assert as_guest.delete(of(first)).status_code == 204
    Member.objects.filter(user=guest).update(role="read_only")
    refused(lambda: as_guest.delete(of(second)), 403, "role_insufficient")


def test_nothing_is_deleted_in_an_archived_room(as_user, user, room):
    message = write(room, user)
    Room.objects.filter(pk=room.pk).update(archived_at=timezone.now())
    refused(lambda: as_user.delete(of(message)), 409, "room_archived")


def test_sent_again_under_its_cid_it_stays_deleted(as_user, user, room):
    message = write(room, user, "gone")
    as_user.delete(of(message))
    answer = as_user.post(at(room, "messages"), {"text": "gone", "cid": str(message.cid)})
    assert data(answer)["text"] == ""
    assert Message.objects.count() == 1
