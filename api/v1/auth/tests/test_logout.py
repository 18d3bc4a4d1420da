"""POST /api/v1/auth/logout/"""

import pytest

from core.principals import principal_cache
from users.models import Session
from users.services import sessions
from users.tests.support import error_of, last_entry

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/logout/"


def test_the_calling_session_ends_and_no_other(api, user):
    mine, elsewhere = sessions.open_session(user=user), sessions.open_session(user=user)
    response = api.post(URL, HTTP_AUTHORIZATION=f"Bearer {mine.tokens.access}")
    assert (response.status_code, response.content) == (204, b"")
    assert [session.pk for session in Session.objects.active()] == [elsewhere.session.pk]
    principal_cache().clear()
    assert error_of(api.post(URL, HTTP_AUTHORIZATION=f"Bearer {mine.tokens.access}")) == (401, "invalid_token")
    entry = last_entry("session.revoked")
    assert (entry.changes, entry.actor_id, entry.via) == ({"reason": "logout"}, user.pk, "session")


def test_its_refresh_token_is_worth_nothing_any_more(api, user):
    mine = sessions.open_session(user=user)
    api.post(URL, HTTP_AUTHORIZATION=f"Bearer {mine.tokens.access}")
    assert error_of(api.post("/api/v1/auth/refresh/", {"refresh": mine.tokens.refresh})) == (401, "invalid_token")


def test_guests_may_leave_too(as_guest):
    assert as_guest.post(URL).status_code == 204


def test_nobody_cannot_sign_out(api):
    response = api.post(URL)
    assert error_of(response) == (401, "not_authenticated")
    assert response["WWW-Authenticate"]


def test_a_key_has_no_session_to_end(as_key, user):
    session = sessions.open_session(user=user).session
    assert error_of(as_key.post(URL)) == (403, "session_required")
    session.refresh_from_db()
    assert session.is_active
