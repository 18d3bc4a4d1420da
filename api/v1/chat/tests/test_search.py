"""GET /api/v1/chat/search/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, wrong_fields
from api.v1.chat.tests.message_support import fill, of
from api.v1.chat.tests.room_support import data
from api.v1.chat.tests.test_messages_send import a_file
from modules.chat import searching
from modules.chat.models import Member, Message, Room
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/chat/search/"


@pytest.fixture(params=["by index", "walking"])
def _both_ways(request, monkeypatch):
    """Few matches are found by their index, many by walking the newest messages: the answers are the same."""
    monkeypatch.setattr(searching, "MANY", -1 if request.param == "walking" else 10_000)


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


def texts(response):
    return [row["message"]["text"] for row in data(response)]


def found(caller, q, **query):
    return texts(caller.get(SEARCH, {"q": q, **query}))


def test_it_is_for_those_who_are_known(api, as_bare_key):
    assert_anonymous(api.get(SEARCH, {"q": "boat"}))
    assert_lacks_scope(as_bare_key.get(SEARCH, {"q": "boat"}), "chat:read")


@pytest.mark.usefixtures("_both_ways")
class TestWhatIsFound:
    def test_all_words_in_any_order_and_case_the_newest_first(self, as_user, user, room):
        for text in ("the boat sails", "the Boat is here", "SAILS of a boat", "boats"):
            write(room, user, text)
        assert found(as_user, "sails BOAT") == ["SAILS of a boat", "the boat sails"]

    def test_the_last_word_is_found_by_how_it_begins_the_others_are_whole(self, as_user, user, room):
        for text in ("harbour lights", "harbourmaster lights"):
            write(room, user, text)
        assert found(as_user, "lights harb") == ["harbourmaster lights", "harbour lights"]
        assert found(as_user, "harb lights") == []

    def test_quoted_words_stand_together(self, as_user, user, room):
        for text in ("red boat", "boat red", "a red, boat of steel", "red fast boat"):
            write(room, user, text)
        assert found(as_user, '"red boat"') == ["a red, boat of steel", "red boat"]
        assert found(as_user, '"red boat" steel') == ["a red, boat of steel"]
        assert found(as_user, '"red boat') == ["a red, boat of steel", "red boat"]

    def test_a_part_of_a_text_is_found_as_it_stands(self, as_user, user, room):
        for text in ("Invoice #100%_done", "Invoice 1000 done", "path\\b"):
            write(room, user, text)
        assert found(as_user, "100%_D", mode="like") == ["Invoice #100%_done"]
        assert found(as_user, "voice", mode="like") == ["Invoice 1000 done", "Invoice #100%_done"]
        assert found(as_user, "path\\b", mode="like") == ["path\\b"]
        # What the index knows nothing of would read every message.
        for little in ("!!!", "a\\b", "10 10", "---"):
            refused = as_user.get(SEARCH, {"q": little, "mode": "like"})
            assert refused.status_code == 400
            assert refused.json()["error"]["details"][0]["code"] == "min_length"

    def test_rooms_senders_times_and_things_narrow_it(self, as_user, user, other, room):
        elsewhere = make_room(user)
        mine = write(room, user, "boat https://example.com/")
        theirs = write(room, other, "boat")
        file = a_file(user)
        away = write(elsewhere, user, "boat with a file", file_ids=(file.pk,))
        Message.objects.filter(pk=theirs.pk).update(created_at=timezone.now() - timedelta(days=2))
        day = (timezone.now() - timedelta(days=1)).isoformat()
        assert found(as_user, "boat", room=room.pk) == [theirs.text, mine.text]
        assert found(as_user, "boat", sender=other.pk) == [theirs.text]
        assert found(as_user, "boat", since=day) == [away.text, mine.text]
        assert found(as_user, "boat", until=day) == [theirs.text]
        assert found(as_user, "boat", has="file") == [away.text]
        assert found(as_user, "boat", has="link") == [mine.text]

    def test_only_what_the_caller_may_see(self, as_user, as_other, api, user, other, room):
        secret = make_room(user, name="Secret")
        write(secret, user, "boat in secret")
        write(make_room(user, kind="public"), user, "boat in public")
        gone = write(room, user, "boat gone")
        as_user.delete(of(gone))
        write(room, user, "boat here")
        assert found(as_other, "boat") == ["boat here"]
        assert found(as_other, "boat", room=secret.pk) == []
        assert found(as_other, "boat", mode="like") == ["boat here"]
        Member.objects.filter(room=room, user=other).delete()
        assert found(as_other, "boat") == []

    def test_nothing_from_before_joining_where_that_is_hidden(self, as_other, user, other):
        room = make_room(user, history="since_joining")
        root = write(room, user, "boat of the past")
        put_in(room, other)
        write(room, user, "boat of today")
        write(room, user, "boat in the thread", root_id=root.pk)
        assert found(as_other, "boat") == ["boat in the thread", "boat of today"]

    def test_a_deleted_room_has_nothing(self, as_user, user, room):
        write(room, user, "boat")
        Room.objects.update(deleted_at=timezone.now())
        assert found(as_user, "boat") == []

    def test_pages_go_on_where_the_last_one_ended(self, as_user, user, room):
        fill(room, user, 5, text="boat {}")
        seen, cursor = [], {}
        while True:
            answer = as_user.get(SEARCH, {"q": "boat", "page_size": 2, **cursor})
            seen += texts(answer)
            if (following := answer.json()["meta"]["pagination"]["next_cursor"]) is None:
                break
            cursor = {"cursor": following}
        assert seen == [f"boat {number}" for number in (5, 4, 3, 2, 1)]


def test_the_places_of_the_matches_are_told(as_user, user, room):
    write(room, user, "👍 a boat and <b>BOATS</b>")
    (row,) = data(as_user.get(SEARCH, {"q": "and boat"}))
    text = row["snippet"]["text"]
    assert text == "👍 a boat and <b>BOATS</b>"
    assert [text[start:end] for start, end in row["snippet"]["matches"]] == ["boat", "and", "BOATS"]


def test_of_a_long_text_the_part_around_the_first_match_is_shown(as_user, user, room):
    write(room, user, "x " * 2000 + "needle" + " y" * 1000)
    (row,) = data(as_user.get(SEARCH, {"q": "needle"}))
    text, ((start, end),) = row["snippet"]["text"], row["snippet"]["matches"]
    assert len(text) <= 160
    assert text[start:end] == "needle"


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({}, "q", "required"),
        ({"q": ""}, "q", "blank"),
        ({"q": "  "}, "q", "no_words"),
        ({"q": "&|!<->:*()'\""}, "q", "no_words"),
        ({"q": '""'}, "q", "no_words"),
        ({"q": "x" * 201}, "q", "max_length"),
        ({"q": "a\x00"}, "q", "null_characters_not_allowed"),
        ({"q": "w " * 13}, "q", "too_many"),
        ({"q": "ab", "mode": "like"}, "q", "min_length"),
        ({"q": "  a ", "mode": "like"}, "q", "min_length"),
        ({"q": "a", "mode": "regex"}, "mode", "invalid_choice"),
        ({"q": "a", "has": "virus"}, "has", "invalid_choice"),
        ({"q": "a", "room": "x"}, "room", "invalid"),
        ({"q": "a", "sender": "1"}, "sender", "invalid"),
        ({"q": "a", "since": "yesterday"}, "since", "invalid"),
        ({"q": "a", "cursor": "forged"}, "cursor", "invalid_cursor"),
        ({"q": "a", "page_size": "1000"}, "page_size", "out_of_range"),
    ],
)
def test_what_is_no_search_is_refused(as_user, user, room, query, field, code):
    write(room, user)
    assert wrong_fields(as_user.get(SEARCH, query)) == [(field, code)]


@pytest.mark.parametrize(
    "q",
    [
        "a'b",
        "a\\",
        "\\'a",
        "a:*",
        "a & !b",
        "foo-bar",
        "x@example.com",
        "https://example.com/a?b=c",
        "'a':*A",
        "日本語",
        "é",
        "%a%",
        "a<->b",
        "-1",
        "$1 %s {0}",
    ],
)
def test_nothing_that_is_typed_breaks_it(as_user, user, room, q):
    write(room, user, f"before {q} after")
    assert as_user.get(SEARCH, {"q": q}).status_code == 200
    assert found(as_user, f"{q} nothing {q}", mode="like") == []
    assert as_user.get(SEARCH, {"q": f'"{q}" {q}'}).status_code == 200


def test_it_takes_few_queries_whatever_is_found(as_user, user, room, django_assert_num_queries):
    for _ in range(2):
        fill(room, user, 5, text="boat {}")
        as_user.get(SEARCH, {"q": "boat"})
        # Where one is, how many there may be, the messages; a transaction around them, with a setting.
        with django_assert_num_queries(6):
            as_user.get(SEARCH, {"q": "boat"})


def test_moments_at_the_end_of_time_are_no_error(as_user, user, room):
    write(room, user, "boat")
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert as_user.get(SEARCH, {"q": "boat", "since": moment, "until": moment}).status_code in (200, 400)
