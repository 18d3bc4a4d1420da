"""POST /api/v1/sessions/restart/"""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.tests.answers import error
from api.v1.whatsapp.tests.support import SESSIONS
from modules.whatsapp.tests.factories import connected, reload

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}restart/"


def test_only_who_may_manage_sessions_is_let_in(closed, session):
    closed("post", PATH, scope="whatsapp:sessions")


def test_others_have_none_to_restart(as_other, as_test_key, session):
    for stranger in (as_other, as_test_key):
        assert error(stranger.post(PATH)) == (404, "not_found")
    assert reload(session).updated_at == session.updated_at


def test_the_phone_stays_linked_and_a_pause_ends(as_key, user):
    session = connected(user, paused_until=timezone.now() + timedelta(hours=1), pause_reason="cloud_131048")
    answer = as_key.post(PATH)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "connected")
    session = reload(session)
    assert (session.phone_number, session.paused_until, session.pause_reason) == ("+15550100000", None, "")


def test_a_failed_session_begins_anew(as_key, user):
    session = connected(user, status="failed", status_reason="broken", status_detail="It broke.")
    assert as_key.post(PATH).json()["data"]["status_reason"] == ""
    session = reload(session)
    assert (session.status, session.restart_wanted) == ("qr_ready", False)


def test_one_that_was_disconnected_is_not_restarted(as_key, user):
    session = connected(user)
    as_key.post(f"{SESSIONS}disconnect/", {})
    assert error(as_key.post(PATH)) == (409, "session_not_connected")
    assert reload(session).wish == "logged_out"


def test_a_suspended_one_is_not_restarted(as_key, user):
    session = connected(user, is_suspended=True)
    assert error(as_key.post(PATH)) == (403, "session_suspended")
    assert reload(session).restart_wanted is False
