"""POST /api/v1/sessions/init/"""

import threading

import pytest
from django.db import connections

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import SESSIONS
from api_keys.tests.factories import make_key
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.tests.factories import connected, reload
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}init/"
CLOUD = {"phone_number_id": "1055501", "access_token": "secret-token", "app_secret": "secret-app"}


def test_only_who_may_manage_sessions_is_let_in(closed):
    closed("post", PATH, {}, scope="whatsapp:sessions")
    assert not WhatsAppSession.objects.exists()


def test_the_first_time_a_session_is_made_and_shows_a_code(as_key, user):
    answer = as_key.post(PATH, {})
    assert answer.status_code == 202, answer.json()
    data = answer.json()["data"]
    session = WhatsAppSession.objects.get()
    assert (session.user, session.environment, str(session.pk)) == (user, "live", data["session_id"])
    assert (data["status"], data["driver"], data["is_sandbox"], data["has_qr"]) == ("qr_ready", "sandbox", True, True)


def test_asking_twice_keeps_the_session_and_its_code(as_key):
    first = as_key.post(PATH, {}).json()["data"]
    code = as_key.get(f"{SESSIONS}qr/?format=raw").content
    assert as_key.post(PATH, {}).json()["data"]["session_id"] == first["session_id"]
    assert as_key.get(f"{SESSIONS}qr/?format=raw").content == code
    assert WhatsAppSession.objects.count() == 1


def test_a_connected_session_stays_as_it_is(as_key, session):
    answer = as_key.post(PATH, {})
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "connected")
    assert reload(session).updated_at == session.updated_at


@pytest.mark.parametrize("change", [{"driver": "waha"}, {"credentials": {"api_key": "x"}}, {"pairing_number": "+14155552671"}])
def test_a_connected_session_is_not_changed_under_its_owner(as_key, session, change):
    assert error(as_key.post(PATH, change)) == (409, "session_connected")
    assert reload(session).updated_at == session.updated_at


def test_with_a_number_there_is_a_code_to_type_instead_of_one_to_scan(as_key):
    data = as_key.post(PATH, {"pairing_number": "+1 415 555 2671"}).json()["data"]
    assert (data["status"], data["has_qr"], len(data["pairing_code"])) == ("qr_ready", False, 9)
    assert WhatsAppSession.objects.get().pairing_number == "+14155552671"


def test_going_back_from_the_number_shows_a_code_to_scan_again(as_key):
    as_key.post(PATH, {"pairing_number": "+14155552671"})
    data = as_key.post(PATH, {}).json()["data"]
    assert (data["has_qr"], data["pairing_code"]) == (True, "")


def test_another_driver_is_to_be_had_when_the_one_before_is_disconnected(as_key):
    as_key.post(PATH, {})
    other = {"driver": "cloud_api", "credentials": CLOUD}
    assert error(as_key.post(PATH, other)) == (409, "session_connected")
    assert (WhatsAppSession.objects.get().driver, WhatsAppSession.objects.get().status) == ("sandbox", "qr_ready")
    as_key.post(f"{SESSIONS}disconnect/", {})
    data = as_key.post(PATH, other).json()["data"]
    assert (data["status"], data["driver"], data["has_qr"], data["is_sandbox"]) == ("disconnected", "cloud_api", False, False)
    assert (WhatsAppSession.objects.get().wish, WhatsAppSession.objects.get().qr_code) == ("connected", "")


def test_credentials_go_in_encrypted_and_never_come_out(as_key):
    answer = as_key.post(PATH, {"driver": "cloud_api", "credentials": CLOUD})
    assert answer.status_code == 202, answer.json()
    assert "secret-" not in answer.content.decode() + as_key.get(f"{SESSIONS}status/").content.decode()
    session = WhatsAppSession.objects.get()
    assert b"secret-" not in bytes(session.credentials)
    assert session.secrets == CLOUD


def test_a_number_of_somebody_else_is_not_had_by_naming_it(as_key, other):
    theirs = connected(other, driver="cloud_api", routing_id=CLOUD["phone_number_id"])
    assert as_key.post(PATH, {"driver": "cloud_api", "credentials": CLOUD}).json()["data"]["status"] == "disconnected"
    assert WhatsAppSession.objects.exclude(pk=theirs.pk).get().routing_id is None
    assert reload(theirs).routing_id == CLOUD["phone_number_id"]


def test_a_driver_without_what_it_needs_is_refused_and_nothing_kept(as_key, settings):
    settings.WHATSAPP_WAHA_URL = settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
    for driver in ("waha", "cloud_api"):
        assert error(as_key.post(PATH, {"driver": driver})) == (409, "driver_unavailable")
    assert not WhatsAppSession.objects.exists()


def test_test_keys_have_a_sandbox_of_their_own_and_nothing_else(as_key, as_test_key, settings):
    settings.WHATSAPP_DRIVER = "waha"
    assert error(as_test_key.post(PATH, {"driver": "cloud_api", "credentials": CLOUD})) == (409, "driver_unavailable")
    assert not WhatsAppSession.objects.exists()
    data = as_test_key.post(PATH, {}).json()["data"]
    assert (data["environment"], data["driver"], data["is_sandbox"]) == ("test", "sandbox", True)
    as_key.post(PATH, {"driver": "sandbox"})
    assert set(WhatsAppSession.objects.values_list("environment", "driver")) == {("live", "sandbox"), ("test", "sandbox")}


def test_a_suspended_session_does_not_connect(as_key, user):
    session = connected(user, is_suspended=True, status="disconnected")
    assert error(as_key.post(PATH, {})) == (403, "session_suspended")
    assert reload(session).status == "disconnected"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"driver": "pigeon"}, ("driver", "invalid_choice")),
        ({"driver": ["sandbox"]}, ("driver", "invalid_choice")),
        ({"credentials": "token"}, ("credentials", "not_a_dict")),
        ({"credentials": {"colour": "red"}}, ("credentials.colour", "unknown")),
        ({"credentials": {"token": None}}, ("credentials.token", "null")),
        ({"credentials": {"token": "x" * 1001}}, ("credentials.token", "max_length")),
        ({"credentials": {"token": "a\x00b"}}, ("credentials.token", "null_characters_not_allowed")),
        ({"pairing_number": "14155552671"}, ("pairing_number", "phone_not_international")),
        ({"pairing_number": "+1"}, ("pairing_number", "invalid_phone")),
    ],
)
def test_what_is_wrong_is_named_and_no_session_made(as_key, body, wrong):
    assert wrong_fields(as_key.post(PATH, body)) == [wrong]
    assert not WhatsAppSession.objects.exists()


@pytest.mark.parametrize("body", [[], "sandbox", 7, None])
def test_a_body_that_is_no_object_is_refused(as_key, body):
    if body is None:
        assert as_key.post(PATH, b"null", content_type="application/json").status_code == 400
    else:
        assert as_key.post(PATH, body, format="json").status_code == 400
    assert not WhatsAppSession.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_open_one_session(api):
    raw, seen = make_key(make_user()).raw, []

    def open_it():
        try:
            answer = api.as_key(raw).post(PATH, {})
            seen.append((answer.status_code, answer.json()["data"]["session_id"], answer.json()["data"]["status"]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session = WhatsAppSession.objects.get()
    assert seen == [(202, str(session.pk), "qr_ready")] * 8
    assert session.qr_code
