"""GET /api/v1/messages/bulks/ and .../{id}/"""

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import BULKS, MESSAGES, ids
from modules.whatsapp.models import Bulk
from modules.whatsapp.tests.factories import NUMBERS, connected, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def bulks(as_key, session):
    """Three bulks, an hour apart, the oldest first; the second is cancelled."""
    start = timezone.now() - timedelta(hours=3)
    keys = []
    for index in range(3):
        body = {"recipients": [*NUMBERS[:2], "nobody"], "content": "hello", "name": f"number {index}"}
        keys.append(as_key.post(f"{MESSAGES}send-bulk/", body).json()["data"]["id"])
        Bulk.objects.filter(pk=keys[-1]).update(created_at=start + timedelta(hours=index))
    as_key.post(f"{BULKS}{keys[1]}/cancel/")
    return keys


def test_only_who_may_read_is_let_in(closed, bulks):
    closed("get", BULKS, scope="whatsapp:read")
    closed("get", f"{BULKS}{bulks[0]}/", scope="whatsapp:read")


def test_others_see_none_of_them(as_other, as_admin, as_test_key, bulks):
    for stranger in (as_other, as_admin, as_test_key):
        assert ids(stranger.get(BULKS)) == []
        assert error(stranger.get(f"{BULKS}{bulks[0]}/")) == (404, "not_found")


def test_the_list_is_newest_first_without_who_was_refused(as_key, as_user, bulks):
    for caller in (as_key, as_user):
        assert ids(caller.get(BULKS)) == bulks[::-1]
    row = as_key.get(BULKS).json()["data"][-1]
    assert (row["accepted"], row["rejected_count"], "rejected" in row) == (2, 1, False)


def test_one_says_who_was_refused_and_how_far_it_is(as_key, bulks):
    data = as_key.get(f"{BULKS}{bulks[1]}/").json()["data"]
    assert (data["status"], data["progress"]["cancelled"], data["progress"]["queued"]) == ("cancelled", 2, 0)
    (refused,) = data["rejected"]
    assert (refused["index"], refused["recipient"], refused["code"]) == (2, "nobody", "phone_not_international")


def test_its_messages_are_found_by_it(as_key, bulks):
    assert len(ids(as_key.get(f"{MESSAGES}?bulk={bulks[0]}"))) == 2
    assert len(ids(as_key.get(f"{MESSAGES}?bulk={bulks[0]}&status=cancelled"))) == 0


def test_filters(as_key, bulks):
    assert ids(as_key.get(f"{BULKS}?status=cancelled")) == [bulks[1]]
    middle = quote(Bulk.objects.get(pk=bulks[1]).created_at.isoformat())
    assert ids(as_key.get(f"{BULKS}?start={middle}")) == [bulks[2], bulks[1]]
    assert ids(as_key.get(f"{BULKS}?end={middle}")) == [bulks[0]]


def test_pages_by_cursor(as_key, bulks):
    first = as_key.get(f"{BULKS}?page_size=2").json()
    second = as_key.get(f"{BULKS}?page_size=2&cursor={first['meta']['pagination']['next_cursor']}")
    assert [row["id"] for row in first["data"]] + ids(second) == bulks[::-1]
    assert second.json()["meta"]["pagination"]["next_cursor"] is None


@pytest.mark.parametrize("query", ["status=lost", "start=yesterday", "end=%00", "cursor=abc", "page_size=0", "page_size=101"])
def test_a_bad_parameter_is_named(as_key, query):
    (field, _), *_ = wrong_fields(as_key.get(f"{BULKS}?{query}"))
    assert field == query.partition("=")[0]


def test_what_is_not_there_is_not_found(as_key):
    assert error(as_key.get(f"{BULKS}{uuid4()}/")) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_when_its_last_message_is_out_it_is_finished(as_key, user):
    connected(user)
    location = as_key.post(f"{MESSAGES}send-bulk/", {"recipients": NUMBERS[:3], "content": "hello"}).headers["Location"]
    send_all()
    data = as_key.get(location).json()["data"]
    assert (data["status"], data["progress"]["sent"], data["finished_at"] is None) == ("finished", 3, False)
