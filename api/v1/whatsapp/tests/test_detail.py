"""GET /api/v1/messages/{id}/"""

import pytest

from api.tests.answers import error
from api.v1.whatsapp.tests.support import MESSAGES
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.tests.factories import connected, hear_all, send, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(user, session):
    """The path of a queued message."""
    return f"{MESSAGES}{send(user).pk}/"


def test_only_who_may_read_is_let_in(closed, path):
    closed("get", path, scope="whatsapp:read")


def test_others_do_not_find_it(as_other, as_admin, as_test_key, path):
    for stranger in (as_other, as_admin, as_test_key):
        assert error(stranger.get(path)) == (404, "not_found")


def test_a_live_key_does_not_find_one_of_a_test_key(as_key, as_user, as_test_key, user, session_for_tests):
    path = f"{MESSAGES}{send(user, environment='test').pk}/"
    assert as_test_key.get(path).status_code == 200
    for caller in (as_key, as_user):
        assert error(caller.get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    "name", ["019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11", "7", "send", "%00", "00000000-0000-0000-0000-000000000000"]
)
def test_what_is_not_there_is_not_found(as_key, name):
    assert error(as_key.get(f"{MESSAGES}{name}/")) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_each_step_has_its_time(as_key, user):
    connected(user)
    path = f"{MESSAGES}{send(user, client_reference='order-1').pk}/"
    before = as_key.get(path).json()["data"]
    assert (before["status"], before["sent_at"], before["attempts"]) == ("queued", None, 0)
    send_all()
    assert as_key.get(path).json()["data"]["status"] == "sent"
    hear_all()
    data = as_key.get(path).json()["data"]
    assert (data["status"], data["attempts"], data["client_reference"], data["attempt_log"]) == ("read", 1, "order-1", [])
    assert data["created_at"] <= data["sent_at"] <= data["delivered_at"] <= data["read_at"]
    assert data["provider_id"]


@pytest.mark.django_db(transaction=True)
def test_attempts_that_did_not_go_well_are_told_one_by_one(as_key, user):
    session = connected(user, options={"fail": "fail"})
    path = f"{MESSAGES}{send(user).pk}/"
    send_all()
    data = as_key.get(path).json()["data"]
    assert (data["status"], data["error_code"], data["error_message"]) == (
        "failed",
        "sandbox_fail",
        "The sandbox was told to fail.",
    )
    (attempt,) = data["attempt_log"]
    assert (attempt["number"], attempt["error_code"], attempt["duration_ms"] >= 0) == (1, "sandbox_fail", True)
    WhatsAppSession.objects.filter(pk=session.pk).update(options={"fail": "ambiguous"})
    as_key.post(f"{path}retry/")
    send_all()
    assert [one["number"] for one in as_key.get(path).json()["data"]["attempt_log"]] == [1, 2]
