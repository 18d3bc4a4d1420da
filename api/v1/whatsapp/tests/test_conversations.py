"""GET /api/v1/messages/conversations/"""

from urllib.parse import quote

import pytest

from api.tests.answers import wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, ids
from modules.whatsapp.models import Contact
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, hear_all, send, send_all

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}conversations/"


@pytest.fixture
def contacts(session):
    """Three people; the last in the list was heard of last."""
    return [str(Contact.objects.create(session=session, phone_number=number).pk) for number in NUMBERS[:3]]


def test_only_who_may_read_is_let_in(closed, contacts):
    closed("get", PATH, scope="whatsapp:read")


def test_others_see_none(as_other, as_admin, contacts):
    for stranger in (as_other, as_admin):
        assert ids(stranger.get(PATH)) == []


def test_who_was_heard_of_last_comes_first(as_user, as_key, contacts):
    for caller in (as_user, as_key):
        assert ids(caller.get(PATH)) == contacts[::-1]


def test_live_and_test_keys_see_the_people_of_their_session(as_key, as_test_key, contacts, session_for_tests):
    of_tests = Contact.objects.create(session=session_for_tests, phone_number=ALICE)
    assert ids(as_test_key.get(PATH)) == [str(of_tests.pk)]
    assert ids(as_key.get(PATH)) == contacts[::-1]


@pytest.mark.django_db(transaction=True)
def test_one_tells_when_each_wrote_last(as_key, user):
    connected(user)
    send(user)
    send_all()
    as_key.post("/api/v1/sessions/sandbox/receive/", {"sender": ALICE, "text": "thanks"})
    hear_all()
    (row,) = as_key.get(PATH).json()["data"]
    assert (row["recipient"], row["opted_out_at"]) == (ALICE, None)
    assert row["last_outbound_at"] < row["last_inbound_at"]


def test_one_number_is_found_in_whatever_form(as_key, contacts):
    assert ids(as_key.get(f"{PATH}?recipient={quote('+1 (415) 555-2671')}")) == [contacts[0]]
    assert ids(as_key.get(f"{PATH}?recipient=nobody")) == []


def test_pages_by_cursor(as_key, contacts):
    first = as_key.get(f"{PATH}?page_size=2").json()
    second = as_key.get(f"{PATH}?page_size=2&cursor={first['meta']['pagination']['next_cursor']}")
    assert [row["id"] for row in first["data"]] + ids(second) == contacts[::-1]


@pytest.mark.parametrize("query", ["recipient=%2B1", "recipient=%00", "opt_out_source=post", "cursor=abc", "page_size=0"])
def test_a_bad_parameter_is_named(as_key, query):
    (field, _), *_ = wrong_fields(as_key.get(f"{PATH}?{query}"))
    assert field == query.partition("=")[0]
