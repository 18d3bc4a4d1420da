"""PATCH /api/v1/sessions/sandbox/, POST .../scan/ and .../receive/"""

import pytest

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import SESSIONS
from modules.whatsapp.models import InboundEvent, Message
from modules.whatsapp.tests.factories import ALICE, connected, hear_all, reload, send, send_all

pytestmark = pytest.mark.django_db
BEHAVE = f"{SESSIONS}sandbox/"
SCAN = f"{SESSIONS}sandbox/scan/"
RECEIVE = f"{SESSIONS}sandbox/receive/"
HELLO = {"sender": ALICE, "text": "hello"}


def test_only_who_may_manage_sessions_is_let_in(closed, session):
    closed("patch", BEHAVE, {"fail": "retry"}, scope="whatsapp:sessions")
    closed("post", SCAN, scope="whatsapp:sessions")
    closed("post", RECEIVE, HELLO, scope="whatsapp:sessions")


def test_others_have_none(as_other, as_test_key, session):
    for stranger in (as_other, as_test_key):
        assert error(stranger.patch(BEHAVE, {"fail": "retry"})) == (404, "not_found")
        assert error(stranger.post(SCAN)) == (404, "not_found")
        assert error(stranger.post(RECEIVE, HELLO)) == (404, "not_found")
    assert reload(session).options == {}
    assert not InboundEvent.objects.exists()


def test_a_session_of_a_real_gateway_is_no_sandbox(as_key, user):
    session = connected(user, driver="waha", status="qr_ready")
    for answer in (as_key.patch(BEHAVE, {"fail": "retry"}), as_key.post(SCAN), as_key.post(RECEIVE, HELLO)):
        assert error(answer) == (409, "not_supported_by_driver")
    assert (reload(session).status, reload(session).options) == ("qr_ready", {})


def test_what_is_named_is_set_and_the_rest_stays(as_key, session):
    assert as_key.patch(BEHAVE, {"delay_ms": 20, "reply": "yes"}).json()["data"] == {"delay_ms": 20, "reply": "yes"}
    assert as_key.patch(BEHAVE, {"reply": ""}).json()["data"] == {"delay_ms": 20, "reply": ""}
    assert reload(session).options == {"delay_ms": 20, "reply": ""}


@pytest.mark.django_db(transaction=True)
def test_told_to_fail_it_fails(as_key, user):
    connected(user)
    as_key.patch(BEHAVE, {"fail": "fail"})
    message = send(user)
    send_all()
    assert (reload(message).status, reload(message).error_code) == ("failed", "sandbox_fail")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"delay_ms": -1}, "delay_ms"),
        ({"delay_ms": 30_001}, "delay_ms"),
        ({"delay_ms": "soon"}, "delay_ms"),
        ({"scan_after_ms": -1}, "scan_after_ms"),
        ({"read_after_ms": -2}, "read_after_ms"),
        ({"delivered_after_ms": 10**30}, "delivered_after_ms"),
        ({"reply": "x" * 1001}, "reply"),
        ({"reply": "a\x00b"}, "reply"),
        ({"reply": None}, "reply"),
        ({"fail": "sometimes"}, "fail"),
        ({"fail": {}}, "fail"),
    ],
)
def test_a_wrong_behaviour_is_named_and_not_set(as_key, session, body, field):
    assert [name for name, _ in wrong_fields(as_key.patch(BEHAVE, body))] == [field]
    assert reload(session).options == {}


def test_scanning_connects(as_key):
    as_key.post(f"{SESSIONS}init/", {})
    data = as_key.post(SCAN).json()["data"]
    assert (data["status"], data["phone_number"], data["has_qr"]) == ("connected", "+15550100000", False)
    assert data["connected_at"] is not None
    assert error(as_key.post(SCAN)) == (409, "qr_not_ready")


def test_with_a_number_to_pair_it_is_that_number(as_key):
    as_key.post(f"{SESSIONS}init/", {"pairing_number": ALICE})
    assert as_key.post(SCAN).json()["data"]["phone_number"] == ALICE


def test_test_keys_scan_the_test_session_alone(as_key, as_test_key):
    for caller in (as_key, as_test_key):
        caller.post(f"{SESSIONS}init/", {})
    assert as_test_key.post(SCAN).json()["data"]["status"] == "connected"
    assert as_key.get(f"{SESSIONS}status/").json()["data"]["status"] == "qr_ready"


@pytest.mark.django_db(transaction=True)
def test_who_writes_is_heard_as_through_a_gateway(as_key, user):
    connected(user)
    answer = as_key.post(RECEIVE, HELLO)
    assert answer.status_code == 202
    assert InboundEvent.objects.get().event_id == answer.json()["data"]["event_id"]
    assert hear_all() == 1
    message = Message.objects.get()
    assert (message.direction, message.status, message.recipient, message.content) == ("inbound", "received", ALICE, "hello")
    assert message.is_sandbox


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"sender": "4155552671"}, ("sender", "phone_not_international")),
        ({"sender": "+999999"}, ("sender", "invalid_phone")),
        ({"text": ""}, ("text", "blank")),
        ({"text": "  \n"}, ("text", "blank")),
        ({"text": "x" * 4097}, ("text", "max_length")),
        ({"text": "a\x00b"}, ("text", "null_characters_not_allowed")),
        ({"text": ["hello"]}, ("text", "invalid")),
    ],
)
def test_a_wrong_message_is_named_and_not_heard(as_key, session, change, wrong):
    assert wrong_fields(as_key.post(RECEIVE, {**HELLO, **change})) == [wrong]
    assert not InboundEvent.objects.exists()
