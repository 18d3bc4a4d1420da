"""GET .../messages/{mid}/thread/, POST and DELETE .../follow/, GET /api/v1/chat/threads/ and /api/v1/chat/mentions/"""

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.chat.tests.message_support import closed, fill, of, refused
from api.v1.chat.tests.room_support import at, data
from modules.chat.models import Member, Mention, Room, ThreadFollower
from modules.chat.tests.factories import make_room, put_in, write
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
THREADS, MENTIONS = "/api/v1/chat/threads/", "/api/v1/chat/mentions/"


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


@pytest.fixture
def root(room, user):
    """A message that may begin a thread."""
    return write(room, user, "question")


def numbers(response):
    return [row["number"] for row in data(response)]


def test_only_members_with_the_scope_are_let_in(api, user, room, root):
    closed(api, room, user, lambda caller: caller.get(of(root, "thread")), scope="chat:read")
    closed(api, room, user, lambda caller: caller.post(of(root, "follow")))
    closed(api, room, user, lambda caller: caller.delete(of(root, "follow")))


@pytest.mark.parametrize("path", [THREADS, MENTIONS])
def test_lists_of_one_s_own_are_for_those_who_are_known(api, as_bare_key, path):
    assert_anonymous(api.get(path))
    assert_lacks_scope(as_bare_key.get(path), "chat:read")


def test_a_thread_is_paged_by_its_own_numbers(as_user, other, room, root):
    fill(room, other, 3)
    fill(room, other, 12, root)
    answer = as_user.get(of(root, "thread"), {"limit": 5})
    assert numbers(answer) == [8, 9, 10, 11, 12]
    assert (answer.json()["meta"]["has_before"], answer.json()["meta"]["has_after"]) == (True, False)
    assert numbers(as_user.get(of(root, "thread"), {"after": 0, "limit": 3})) == [1, 2, 3]
    assert numbers(as_user.get(of(root, "thread"), {"around": 6, "limit": 3})) == [5, 6, 7]
    assert numbers(as_user.get(at(room, "messages"))) == [1, 2, 3, 4]
    assert wrong_fields(as_user.get(of(root, "thread"), {"before": 1, "after": 1})) == [("after", "only_one")]


def test_an_answer_has_no_thread_of_its_own(as_user, user, room, root):
    answer = write(room, user, root_id=root.pk)
    assert error(as_user.get(of(answer, "thread"))) == (404, "message_not_found")
    refused(lambda: as_user.post(of(answer, "follow")), 404, "message_not_found")
    body = {"text": "deeper", "root": str(answer.pk)}
    assert wrong_fields(as_user.post(at(room, "messages"), body)) == [("root", "not_a_root")]


def test_one_answers_over_rest(as_other, room, root):
    shown = data(as_other.post(at(room, "messages"), {"text": "answer", "root": str(root.pk)}), 201)
    assert (shown["root"], shown["number"]) == (str(root.pk), 1)
    assert data(as_other.get(of(root)))["reply_count"] == 1


def test_following_begins_with_what_comes(as_other, other, user, room, root):
    write(room, user, root_id=root.pk)
    assert data(as_other.get(THREADS)) == []
    assert [as_other.post(of(root, "follow")).status_code for _ in range(2)] == [204, 204]
    write(room, user, root_id=root.pk)
    (thread,) = data(as_other.get(THREADS))
    assert (thread["message"]["id"], thread["read_number"], thread["unread"]) == (str(root.pk), 1, 1)
    assert [as_other.delete(of(root, "follow")).status_code for _ in range(2)] == [204, 204]
    assert data(as_other.get(THREADS)) == []


def test_what_was_deleted_is_not_followed(as_user, as_other, room, root):
    as_user.delete(of(root))
    refused(lambda: as_other.post(of(root, "follow")), 409, "message_deleted")


def test_threads_come_by_their_last_answer_and_in_pages(as_user, user, other, room):
    roots = [write(room, user, str(number)) for number in range(3)]
    for root in (*roots, roots[0]):
        write(room, other, root_id=root.pk)
    first = as_user.get(THREADS, {"page_size": 2})
    assert [row["message"]["text"] for row in data(first)] == ["0", "2"]
    assert [row["unread"] for row in data(first)] == [2, 1]
    cursor = first.json()["meta"]["pagination"]["next_cursor"]
    assert [row["message"]["text"] for row in data(as_user.get(THREADS, {"page_size": 2, "cursor": cursor}))] == ["1"]
    assert wrong_fields(as_user.get(THREADS, {"cursor": "x"})) == [("cursor", "invalid_cursor")]


@pytest.mark.parametrize("path", [THREADS, MENTIONS])
def test_what_one_may_not_see_any_more_is_not_listed(as_other, user, other, room, path):
    root = write(room, user, f"@{other.username}")
    write(room, other, root_id=root.pk)
    assert len(data(as_other.get(path))) == 1
    Room.objects.filter(pk=room.pk).update(deleted_at=timezone.now())
    assert data(as_other.get(path)) == []
    Room.objects.filter(pk=room.pk).update(deleted_at=None, history="since_joining")
    Member.objects.filter(user=other).update(joined_at=timezone.now())
    assert data(as_other.get(path)) == []
    Room.objects.filter(pk=room.pk).update(history="all")
    Member.objects.filter(user=other).delete()
    assert data(as_other.get(path)) == []


def test_mentions_are_one_s_own_the_last_first(as_other, as_user, user, other, room):
    for number in range(3):
        write(room, user, f"{number} @{other.username}")
    write(room, user, "@all")
    first = as_other.get(MENTIONS, {"page_size": 2})
    assert [row["message"]["text"][0] for row in data(first)] == ["2", "1"]
    cursor = first.json()["meta"]["pagination"]["next_cursor"]
    assert [row["message"]["text"][0] for row in data(as_other.get(MENTIONS, {"page_size": 2, "cursor": cursor}))] == ["0"]
    assert data(as_user.get(MENTIONS)) == []


@pytest.mark.parametrize("path", [THREADS, MENTIONS])
def test_lists_take_the_same_queries_for_many(as_other, other, room, path, django_assert_num_queries):
    as_other.get(path)
    for _ in range(4):
        person = make_user()
        put_in(room, person)
        message = write(room, person, f"@{other.username}")
        write(room, other, root_id=message.pk)
    with django_assert_num_queries(1):
        assert len(data(as_other.get(path))) == 4
    assert ThreadFollower.objects.filter(user=other).count() == Mention.objects.filter(user=other).count() == 4


def test_a_thread_of_the_hidden_past_is_hidden(as_other, user, other):
    room = make_room(user, history="since_joining")
    root = write(room, user)
    put_in(room, other)
    write(room, user, "new answer", root_id=root.pk)
    assert error(as_other.get(of(root, "thread"))) == (404, "message_not_found")
    refused(lambda: as_other.post(of(root, "follow")), 404, "message_not_found")
