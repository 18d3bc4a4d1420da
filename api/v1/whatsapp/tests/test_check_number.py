"""POST /api/v1/messages/check-number/"""

import pytest

from api import gate
from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, SESSIONS, everything
from modules.whatsapp.tests.factories import ALICE, connected

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}check-number/"


def test_only_who_may_send_is_let_in(closed, session):
    closed("post", PATH, {"recipient": ALICE}, scope="whatsapp:send")


@pytest.mark.parametrize(("number", "exists"), [("+1 (415) 555-2671", True), ("+14155550000", False)])
def test_it_is_told_whether_a_number_has_whatsapp_and_nothing_is_changed(as_key, session, number, exists):
    before = everything()
    answer = as_key.post(PATH, {"recipient": number})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["exists"], data["is_sandbox"], data["recipient"][:5]) == (exists, True, "+1415")
    assert everything() == before


def test_each_asks_by_the_session_of_their_own(as_other, as_test_key, session):
    for stranger in (as_other, as_test_key):
        assert error(stranger.post(PATH, {"recipient": ALICE})) == (409, "session_not_connected")
    connected(session.user, environment="test")
    assert as_test_key.post(PATH, {"recipient": ALICE}).status_code == 200


def test_a_session_that_is_not_connected_cannot_ask(as_key):
    as_key.post(f"{SESSIONS}init/", {})
    assert error(as_key.post(PATH, {"recipient": ALICE})) == (409, "session_not_connected")


def test_nor_can_a_suspended_one(as_key, user):
    connected(user, is_suspended=True)
    assert error(as_key.post(PATH, {"recipient": ALICE})) == (403, "session_suspended")


def test_a_driver_that_cannot_tell_says_so(as_key, user):
    connected(user, driver="cloud_api")
    assert error(as_key.post(PATH, {"recipient": ALICE})) == (409, "not_supported_by_driver")


def test_numbers_cannot_be_tried_out_by_the_thousand(as_key, session, settings):
    settings.LIMIT_SENSITIVE = "3/60"
    gate.sensitive_policy.cache_clear()
    try:
        answers = [as_key.post(PATH, {"recipient": ALICE}).status_code for _ in range(4)]
    finally:
        gate.sensitive_policy.cache_clear()
    assert answers == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"recipient": "4155552671"}, "phone_not_international"),
        ({"recipient": "+1415"}, "phone_not_possible"),
        ({"recipient": 1.5}, "phone_not_international"),
        ({"recipient": "+1415\x00"}, "null_characters_not_allowed"),
    ],
)
def test_what_is_wrong_is_named(as_key, session, body, code):
    assert wrong_fields(as_key.post(PATH, body)) == [("recipient", code)]
