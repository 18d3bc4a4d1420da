"""GET /api/v1/sessions/status/"""

import pytest

from api.tests.answers import error
from api.v1.whatsapp.tests.support import SESSIONS
from modules.whatsapp.tests.factories import connected

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}status/"


def test_only_who_may_read_is_let_in(closed, session):
    closed("get", PATH, scope="whatsapp:read")


def test_before_one_was_opened_there_is_none(as_user):
    assert error(as_user.get(PATH)) == (404, "not_found")


def test_everybody_sees_their_own(as_user, as_other, as_admin, other, session):
    for stranger in (as_other, as_admin):
        assert error(stranger.get(PATH)) == (404, "not_found")
    theirs = connected(other)
    assert as_other.get(PATH).json()["data"]["session_id"] == str(theirs.pk)
    assert as_user.get(PATH).json()["data"]["session_id"] == str(session.pk)


def test_where_it_stands_is_told_without_any_secret(as_key, user):
    session = connected(user, driver="waha", display_name="Shop", qr_code="2@abc", status="qr_ready")
    answer = as_key.get(PATH)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["status"], data["driver"], data["environment"]) == ("qr_ready", "waha", "live")
    assert (data["phone_number"], data["display_name"], data["has_qr"]) == ("+15550100000", "Shop", True)
    assert data["is_sandbox"] is False
    assert data["hook_url"].endswith(f"/api/v1/whatsapp/hooks/waha/{session.pk}/")
    assert not {"qr_code", "credentials", "routing_id", "options", "wish"} & set(data)


def test_a_sandbox_says_that_it_is_one(as_key, session):
    data = as_key.get(PATH).json()["data"]
    assert (data["is_sandbox"], data["hook_url"], data["has_qr"]) == (True, "", False)


def test_live_and_test_keys_each_see_the_session_of_their_kind(as_key, as_user, as_test_key, session):
    assert error(as_test_key.get(PATH)) == (404, "not_found")
    of_tests = connected(session.user, environment="test")
    assert as_test_key.get(PATH).json()["data"]["session_id"] == str(of_tests.pk)
    for caller in (as_key, as_user):
        assert caller.get(PATH).json()["data"]["session_id"] == str(session.pk)
