"""GET /api/v1/chat/rooms/discover/"""

import pytest

from api.tests.answers import wrong_fields
from api.v1.chat.tests.room_support import ROOMS, data
from modules.chat.services import bans, rooms
from modules.chat.tests.factories import make_room

pytestmark = pytest.mark.django_db
PATH = f"{ROOMS}discover/"


def names(response):
    return [row["name"] for row in data(response)]


def test_has_what_may_be_found_and_one_is_not_in_the_newest_first(as_other, user, other):
    make_room(user, kind="public", name="Old")
    make_room(user, kind="broadcast", name="News", join_rule="request")
    make_room(user, kind="public", name="By invitation", join_rule="invite")
    for kind in ("private", "group", "broadcast"):
        make_room(user, kind=kind, name="Closed")
    make_room(user, other, kind="public", name="Mine")
    rooms.archive_room(room=make_room(user, kind="public", name="Archived"), actor=user, is_archived=True)
    rooms.delete_room(room=make_room(user, kind="public", name="Deleted"), actor=user)
    bans.ban(room=make_room(user, kind="public", name="Banned"), actor=user, user_id=other.pk)
    assert names(as_other.get(PATH)) == ["By invitation", "News", "Old"]
    assert data(as_other.get(PATH))[0]["me"] is None


def test_is_searched_by_parts_and_by_words_like_them(as_other, user):
    for name in ("Harbour Office", "Railway", "50% off_"):
        make_room(user, kind="public", name=name)
    assert names(as_other.get(f"{PATH}?search=rBoU")) == ["Harbour Office"]
    assert names(as_other.get(f"{PATH}?search=harbuor")) == []
    assert names(as_other.get(f"{PATH}?search=harbourr")) == ["Harbour Office"]
    assert names(as_other.get(f"{PATH}?search=%25")) == ["50% off_"]
    assert names(as_other.get(f"{PATH}?search=_")) == ["50% off_"]
    assert names(as_other.get(f"{PATH}?search=%5C")) == []


def test_is_paged_by_cursor(as_other, user):
    for number in range(3):
        make_room(user, kind="public", name=f"Room {number}")
    first = as_other.get(f"{PATH}?page_size=2")
    assert names(first) == ["Room 2", "Room 1"]
    cursor = first.json()["meta"]["pagination"]["next_cursor"]
    assert names(as_other.get(f"{PATH}?page_size=2&cursor={cursor}")) == ["Room 0"]


@pytest.mark.parametrize("query", ["cursor=forged", "page_size=101", f"search={'x' * 101}", "search=%00"])
def test_names_a_bad_parameter(as_other, query):
    assert [field for field, _ in wrong_fields(as_other.get(f"{PATH}?{query}"))] == [query.partition("=")[0]]
