"""GET /api/v1/auth/sessions/, DELETE /api/v1/auth/sessions/{id}/, POST /api/v1/auth/sessions/revoke-others/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from users.models import Session
from users.services import sessions
from users.tests.support import error_of, fields_of, last_entry

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/sessions/"
OTHERS = f"{URL}revoke-others/"


@pytest.fixture
def elsewhere(user):
    """Another session of the person."""
    return sessions.open_session(user=user).session


def test_the_own_living_sessions_are_listed_the_last_used_first(as_user, user, elsewhere, other):
    current = Session.objects.exclude(pk=elsewhere.pk).get()
    sessions.open_session(user=other)
    ended = sessions.open_session(user=user).session
    sessions.revoke_session(session=ended, actor=user)
    expired = sessions.open_session(user=user).session
    Session.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    Session.objects.filter(pk=current.pk).update(last_used_at=timezone.now() - timedelta(hours=1))
    body = as_user.get(URL).json()
    assert [row["id"] for row in body["data"]] == [str(elsewhere.pk), str(current.pk)]
    assert [row["is_current"] for row in body["data"]] == [False, True]
    assert body["meta"]["pagination"]["total"] == 2


def test_a_session_shows_where_and_when_and_nothing_of_its_token(as_user, user):
    row = as_user.get(URL).json()["data"][0]
    assert set(row) == {"id", "created_at", "last_used_at", "expires_at", "user_agent", "ip_address", "is_current"}


def test_the_list_is_paged(as_user, user):
    for _ in range(4):
        sessions.open_session(user=user)
    first = as_user.get(URL, {"page_size": 2}).json()
    last = as_user.get(URL, {"page_size": 2, "page": 3}).json()
    assert (len(first["data"]), first["meta"]["pagination"]["total_pages"], len(last["data"])) == (2, 3, 1)
    assert fields_of(as_user.get(URL, {"page": 4, "page_size": 2})) == {"page": "out_of_range"}


def test_revoking_a_session_ends_it_and_is_written_down(api, as_user, user):
    elsewhere = sessions.open_session(user=user)
    assert as_user.delete(f"{URL}{elsewhere.session.pk}/").status_code == 204
    assert error_of(api.post("/api/v1/auth/refresh/", {"refresh": elsewhere.tokens.refresh})) == (401, "invalid_token")
    assert last_entry("session.revoked").target_id == str(elsewhere.session.pk)
    assert error_of(as_user.delete(f"{URL}{elsewhere.session.pk}/")) == (404, "not_found")


def test_the_session_of_another_person_cannot_even_be_seen_to_exist(as_other, elsewhere):
    theirs, nobodys = as_other.delete(f"{URL}{elsewhere.pk}/"), as_other.delete(f"{URL}{uuid4()}/")
    assert error_of(theirs) == error_of(nobodys) == (404, "not_found")
    elsewhere.refresh_from_db()
    assert elsewhere.is_active


def test_nor_can_an_administrator_end_it_here(as_admin, elsewhere):
    assert as_admin.delete(f"{URL}{elsewhere.pk}/").status_code == 404
    elsewhere.refresh_from_db()
    assert elsewhere.is_active


@pytest.mark.parametrize("identifier", ["1", "not-a-uuid", "%00", "../"])
def test_what_is_no_id_leads_nowhere(as_user, identifier):
    assert as_user.delete(f"{URL}{identifier}/").status_code in {404, 405}


def test_revoking_the_others_keeps_the_calling_one(as_user, user, elsewhere, other):
    stranger = sessions.open_session(user=other).session
    sessions.open_session(user=user)
    assert as_user.post(OTHERS).json()["data"] == {"revoked": 2}
    assert as_user.get(URL).json()["meta"]["pagination"]["total"] == 1
    assert as_user.post(OTHERS).json()["data"] == {"revoked": 0}
    stranger.refresh_from_db()
    assert stranger.is_active


def test_nobody_and_keys_neither_see_nor_end_any(api, as_key, elsewhere):
    for caller, refusal in ((api, (401, "not_authenticated")), (as_key, (403, "session_required"))):
        assert error_of(caller.get(URL)) == refusal
        assert error_of(caller.post(OTHERS)) == refusal
        assert error_of(caller.delete(f"{URL}{elsewhere.pk}/")) == refusal
    elsewhere.refresh_from_db()
    assert elsewhere.is_active


def test_a_guest_sees_its_own(as_guest, elsewhere):
    assert as_guest.get(URL).json()["meta"]["pagination"]["total"] == 1
    assert as_guest.delete(f"{URL}{elsewhere.pk}/").status_code == 404
