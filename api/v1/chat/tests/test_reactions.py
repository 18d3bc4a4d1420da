"""PUT, DELETE and GET /api/v1/chat/rooms/{id}/messages/{mid}/reactions/"""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from api.tests.answers import wrong_fields
from api.v1.chat.tests.message_support import closed, of, reader_of, refused
from api.v1.chat.tests.room_support import data, told
from modules.chat.models import Member, Message, Reaction, Room
from modules.chat.selectors import member_of
from modules.chat.services import reactions
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
    return write(room, user)


def react(caller, message, emoji="👍"):
    return caller.put(of(message, "reactions"), {"emoji": emoji})


def unreact(caller, message, emoji="👍"):
    return caller.delete(f"{of(message, 'reactions')}?emoji={quote(emoji)}")


def test_only_members_with_the_scope_are_let_in(api, user, room, message):
    closed(api, room, user, lambda caller: react(caller, message))
    closed(api, room, user, lambda caller: unreact(caller, message))
    closed(api, room, user, lambda caller: caller.get(of(message, "reactions")), scope="chat:read")


def test_each_person_counts_once(as_user, as_other, user, other, room, message):
    assert data(react(as_user, message)) == {"reactions": {"👍": 1}, "my_reactions": ["👍"]}
    assert data(react(as_user, message)) == {"reactions": {"👍": 1}, "my_reactions": ["👍"]}
    assert data(react(as_other, message))["reactions"] == {"👍": 2}
    assert [(one["user"], one["added"], one["count"]) for one in told(f"room:{room.pk}", "message.reaction")] == [
        (str(user.pk), True, 1),
        (str(other.pk), True, 2),
    ]


def test_it_is_taken_back_once(as_user, as_other, room, message):
    react(as_user, message)
    react(as_other, message)
    assert data(unreact(as_user, message)) == {"reactions": {"👍": 1}, "my_reactions": []}
    assert data(unreact(as_user, message))["reactions"] == {"👍": 1}
    assert data(unreact(as_other, message))["reactions"] == {}
    assert not Reaction.objects.exists()
    assert [one["count"] for one in told(f"room:{room.pk}", "message.reaction")] == [1, 2, 1, 0]


def test_who_reacted_is_listed_by_emoji(as_user, as_other, user, other, message):
    react(as_user, message)
    react(as_other, message)
    react(as_other, message, "🎉")
    everybody = data(as_user.get(of(message, "reactions")))
    assert [(row["emoji"], row["user"]) for row in everybody] == [
        ("🎉", str(other.pk)),
        ("👍", str(other.pk)),
        ("👍", str(user.pk)),
    ]
    page = as_user.get(of(message, "reactions"), {"emoji": "👍", "page_size": 1})
    assert [row["name"] for row in data(page)] == [other.username]
    cursor = page.json()["meta"]["pagination"]["next_cursor"]
    rest = as_user.get(of(message, "reactions"), {"emoji": "👍", "page_size": 1, "cursor": cursor})
    assert [row["user"] for row in data(rest)] == [str(user.pk)]
    assert wrong_fields(as_user.get(of(message, "reactions"), {"cursor": "forged"})) == [("cursor", "invalid_cursor")]
    assert wrong_fields(as_user.get(of(message, "reactions"), {"emoji": "x"})) == [("emoji", "not_an_emoji")]


@pytest.mark.parametrize(
    "emoji",
    [
        "👍",
        "👍🏽",
        "❤️",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🇨🇭",
        "1️⃣",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "♂️",
        "©",
        "🫨",
    ],
)
def test_every_emoji_is_taken(as_user, message, emoji):
    assert data(react(as_user, message, emoji))["reactions"] == {emoji: 1}


@pytest.mark.parametrize(
    "emoji",
    [
        "a",
        "ok",
        "👍👍",
        "👍 ",
        " ",
        "<b>",
        "1",
        "🇨",
        "\u200d",
        "\u202e👍",
        "é",
        "!",
        "👍\u200d",
        "x" * 65,
        "❤\u200d" * 30 + "❤",
        "+",
    ],
)
def test_nothing_else_is(as_user, message, emoji):
    before = Message.objects.values().get()
    assert [field for field, _ in wrong_fields(react(as_user, message, emoji))] == ["emoji"]
    assert [field for field, _ in wrong_fields(unreact(as_user, message, emoji))] == ["emoji"]
    assert Message.objects.values().get() == before


def test_without_an_emoji_nothing_is_done(as_user, message):
    assert wrong_fields(as_user.put(of(message, "reactions"), {})) == [("emoji", "required")]
    assert wrong_fields(as_user.delete(of(message, "reactions"))) == [("emoji", "required")]


def test_a_message_has_so_many_different_ones(as_user, as_other, message):
    found = [chr(0x1F600 + number) for number in range(20)]
    place = member_of(message.room_id, message.sender_id)
    for emoji in found:
        reactions.add_reaction(member=place, message=message, emoji=emoji)
    refused(lambda: react(as_other, message), 409, "too_many_reactions")
    assert react(as_other, message, found[0]).status_code == 200


def test_who_may_only_read_or_was_muted_does_not_react(api, as_other, other, room, message):
    reader = reader_of(api, room)
    refused(lambda: react(reader, message), 403, "role_insufficient")
    react(as_other, message)
    Member.objects.filter(user=other).update(muted_until=timezone.now() + timedelta(hours=1))
    refused(lambda: react(as_other, message, "🎉"), 403, "muted")
    # What one said before may be taken back.
    assert unreact(as_other, message).status_code == 200


def test_guests_react(as_guest, guest, room, message):
    put_in(room, guest, "guest")
    assert react(as_guest, message).status_code == 200


def test_neither_a_deleted_message_nor_an_archived_room_is_reacted_to(as_user, user, room, message):
    as_user.delete(of(message))
    refused(lambda: react(as_user, message), 409, "message_deleted")
    living = write(room, user)
    Room.objects.filter(pk=room.pk).update(archived_at=timezone.now())
    refused(lambda: react(as_user, living), 409, "room_archived")


def test_the_list_takes_the_same_queries_for_many(as_user, user, room, message, django_assert_num_queries):
    as_user.get(of(message, "reactions"))
    for _ in range(5):
        person = make_user()
        put_in(room, person)
        reactions.add_reaction(member=member_of(room.pk, person.pk), message=message, emoji="👍")
    with django_assert_num_queries(3):
        assert len(data(as_user.get(of(message, "reactions")))) == 5
