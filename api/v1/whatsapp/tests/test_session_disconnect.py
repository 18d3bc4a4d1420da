"""POST /api/v1/sessions/disconnect/"""

import pytest

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import SESSIONS
from modules.whatsapp.tests.factories import connected, reload, send, send_all

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}disconnect/"


def test_only_who_may_manage_sessions_is_let_in(closed, session):
    closed("post", PATH, {}, scope="whatsapp:sessions")


def test_others_have_none_to_disconnect(as_other, as_admin, as_test_key, session):
    for stranger in (as_other, as_admin, as_test_key):
        assert error(stranger.post(PATH, {})) == (404, "not_found")
    assert reload(session).status == "connected"


@pytest.mark.parametrize(("body", "wish"), [({}, "logged_out"), ({"forget": True}, "logged_out"), ({"forget": False}, "stopped")])
def test_it_is_stopped_and_unlinked_unless_told_otherwise(as_key, session, body, wish):
    answer = as_key.post(PATH, body)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "disconnected")
    session = reload(session)
    assert (session.wish, session.status, session.connected_at, session.qr_code) == (wish, "disconnected", None, "")


def test_twice_is_harmless(as_key, session):
    answers = [as_key.post(PATH, {}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert reload(session).wish == "logged_out"


def test_a_test_key_disconnects_the_test_session_alone(as_test_key, session, session_for_tests):
    assert as_test_key.post(PATH, {}).status_code == 202
    assert (reload(session_for_tests).status, reload(session).status) == ("disconnected", "connected")


@pytest.mark.django_db(transaction=True)
def test_what_is_queued_waits_and_nothing_new_is_taken(as_key, user):
    connected(user)
    message = send(user)
    as_key.post(PATH, {})
    assert send_all() == 0
    assert reload(message).status == "queued"
    assert error(as_key.post("/api/v1/messages/send-text/", {"recipient": "+14155552671", "content": "hello"})) == (
        409,
        "session_not_connected",
    )


@pytest.mark.parametrize("value", [None, "perhaps", [], 7])
def test_a_value_that_is_neither_yes_nor_no_is_named(as_key, session, value):
    ((field, _),) = wrong_fields(as_key.post(PATH, {"forget": value}))
    assert field == "forget"
    assert reload(session).status == "connected"
