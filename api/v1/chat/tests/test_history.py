"""GET /api/v1/chat/rooms/{id}/messages/ and .../{mid}/"""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.chat.tests.message_support import closed, fill, of
from api.v1.chat.tests.room_support import at, data
from events.models import Event
from modules.chat.models import Message
from modules.chat.selectors import member_of
from modules.chat.services import reactions
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user):
    """A room of the ordinary person."""
    return make_room(user)


def numbers(response):
    return [row["number"] for row in data(response)]


def sides(response):
    meta = response.json()["meta"]
    return meta["has_before"], meta["has_after"]


def test_only_members_with_the_scope_are_let_in(api, user, room):
    message = write(room, user)
    closed(api, room, user, lambda caller: caller.get(at(room, "messages")), scope="chat:read")
    closed(api, room, user, lambda caller: caller.get(of(message)), scope="chat:read")


def test_a_public_room_is_read_by_those_who_joined(as_other, user):
    room = make_room(user, kind="public")
    write(room, user, "secret")
    answer = as_other.get(at(room, "messages"))
    assert error(answer) == (403, "not_a_member")
    assert b"secret" not in answer.content


def test_a_key_and_a_guest_of_the_room_read(as_key, as_guest, guest, user, room):
    write(room, user)
    put_in(room, guest, "guest")
    assert numbers(as_key.get(at(room, "messages"))) == numbers(as_guest.get(at(room, "messages"))) == [1]


def test_an_empty_room_has_an_empty_page_and_a_position(as_user, room):
    answer = as_user.get(at(room, "messages"))
    assert data(answer) == []
    assert sides(answer) == (False, False)
    assert answer.json()["meta"]["stream"]["name"] == f"room:{room.pk}"


def test_without_a_number_it_is_the_newest_oldest_first(as_user, user, room):
    fill(room, user, 12)
    answer = as_user.get(at(room, "messages"), {"limit": 5})
    assert numbers(answer) == [8, 9, 10, 11, 12]
    assert sides(answer) == (True, False)


@pytest.mark.parametrize(
    ("query", "expected", "expected_sides"),
    [
        ({"before": 8}, [3, 4, 5, 6, 7], (True, True)),
        ({"before": 3}, [1, 2], (False, True)),
        ({"before": 1}, [], (False, True)),
        ({"before": 99}, [8, 9, 10, 11, 12], (True, False)),
        ({"after": 3}, [4, 5, 6, 7, 8], (True, True)),
        ({"after": 9}, [10, 11, 12], (True, False)),
        ({"after": 12}, [], (True, False)),
        ({"after": 0}, [1, 2, 3, 4, 5], (False, True)),
        ({"around": 6}, [4, 5, 6, 7, 8], (True, True)),
        ({"around": 1}, [1, 2, 3], (False, True)),
        ({"around": 99}, [11, 12], (True, False)),
    ],
)
def test_pages_lie_before_after_or_around_a_number(as_user, user, room, query, expected, expected_sides):
    fill(room, user, 12)
    answer = as_user.get(at(room, "messages"), {**query, "limit": 5})
    assert numbers(answer) == expected
    assert sides(answer) == expected_sides


def test_walking_back_and_forth_meets_every_message_once(as_user, user, room):
    fill(room, user, 23)
    back, before = [], {}
    while page := numbers(as_user.get(at(room, "messages"), {**before, "limit": 7})):
        back = [*page, *back]
        before = {"before": page[0]}
    there, after = [], {"after": 0}
    while page := numbers(as_user.get(at(room, "messages"), {**after, "limit": 7})):
        there += page
        after = {"after": page[-1]}
    assert back == there == list(range(1, 24))


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"before": "-1"}, "before", "min_value"),
        ({"after": "x"}, "after", "invalid"),
        ({"after": "9" * 30}, "after", "max_value"),
        ({"around": "9" * 2000}, "around", "max_string_length"),
        ({"before": "1", "after": "2"}, "after", "only_one"),
        ({"after": "1", "around": "2"}, "around", "only_one"),
        ({"limit": "0"}, "limit", "min_value"),
        ({"limit": "101"}, "limit", "max_value"),
        ({"before": "\x00"}, "before", "invalid"),
    ],
)
def test_forged_numbers_are_refused(as_user, room, query, field, code):
    assert wrong_fields(as_user.get(at(room, "messages"), query)) == [(field, code)]


def test_the_position_is_from_before_the_rows_were_read(as_user, user, room, monkeypatch):
    write(room, user)
    before = Event.objects.filter(stream=f"room:{room.pk}").latest("seq").seq
    from api.v1.chat import message_views

    real = message_views.selectors.history

    def meanwhile(*args, **kwargs):
        write(room, user, "in between")
        return real(*args, **kwargs)

    monkeypatch.setattr(message_views.selectors, "history", meanwhile)
    answer = as_user.get(at(room, "messages"))
    assert numbers(answer) == [1, 2]
    assert answer.json()["meta"]["stream"]["seq"] == before


def test_a_page_takes_the_same_queries_whatever_is_on_it(as_user, user, other, room):
    put_in(room, other)

    def count(limit):
        with CaptureQueriesContext(connection) as queries:
            assert len(numbers(as_user.get(at(room, "messages"), {"limit": limit}))) == limit
        return len(queries)

    fill(room, user, 60)
    fill(room, other, 40)
    for key in Message.objects.order_by("-number").values_list("pk", flat=True)[:30]:
        reactions.add_reaction(member=member_of(room.pk, other.pk), message=Message.objects.get(pk=key), emoji="👍")
    count(1)
    assert count(1) == count(100) <= 7


def test_a_message_shows_all_that_a_client_needs(as_user, user, room):
    first = write(room, user, "one")
    second = write(room, user, f"two @{user.username}", reply_to=first.pk)
    reactions.add_reaction(member=member_of(room.pk, user.pk), message=second, emoji="👍")
    shown = data(as_user.get(of(second)))
    assert shown["text"] == f"two @{user.username}"
    assert shown["author"] == {"user": str(user.pk), "name": user.username, "is_bot": False}
    assert (shown["reply_to"], shown["mentions"], shown["cid"]) == (str(first.pk), [str(user.pk)], str(second.cid))
    assert (shown["reactions"], shown["my_reactions"]) == ({"👍": 1}, ["👍"])
    assert (shown["deleted_at"], shown["edited_at"], shown["files"], shown["previews"]) == (None, None, [], [])


def test_since_joining_hides_what_came_before(as_other, user, other):
    room = make_room(user, history="since_joining")
    old = write(room, user, "before")
    put_in(room, other)
    new = write(room, user, "after")
    answer = as_other.get(at(room, "messages"))
    assert [row["id"] for row in data(answer)] == [str(new.pk)]
    assert sides(answer) == (False, False)
    assert data(as_other.get(at(room, "messages"), {"before": new.number})) == []
    assert error(as_other.get(of(old))) == (404, "message_not_found")
    assert data(as_other.get(of(new)))["text"] == "after"


def test_what_is_in_another_room_is_not_in_this_one(as_user, user, room):
    elsewhere = write(make_room(user), user)
    assert error(as_user.get(at(room, "messages", elsewhere.pk))) == (404, "message_not_found")
    assert error(as_user.get(at(room, "messages", uuid4()))) == (404, "message_not_found")
    assert error(as_user.get(at(room, "messages", "x"))) == (404, "not_found")


def test_a_deleted_room_is_gone(as_user, user, room):
    message = write(room, user)
    room.deleted_at = timezone.now()
    room.save()
    assert error(as_user.get(at(room, "messages"))) == (404, "room_not_found")
    assert error(as_user.get(of(message))) == (404, "room_not_found")


def test_messages_of_a_deleted_account_stay_without_its_name(as_user, user, other, room):
    put_in(room, other)
    message = write(room, other, "stays")
    User.objects.filter(pk=other.pk).delete()
    shown = data(as_user.get(of(message)))
    assert shown["author"] == {"user": None, "name": "Deleted account", "is_bot": False}
    assert shown["text"] == "stays"
    assert numbers(as_user.get(at(room, "messages"))) == [1]
