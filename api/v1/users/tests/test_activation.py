"""POST /api/v1/users/{id}/activate/ and /api/v1/users/{id}/deactivate/"""

from uuid import uuid4

import pytest

from api.v1.users.tests.support import URL, assert_refused_and_unchanged
from api_keys.tests.factories import make_key
from core.principals import principal_cache
from users.services import sessions
from users.tests.factories import PASSWORD
from users.tests.support import actions, error_of, last_entry

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me/"


def deactivate(caller, user):
    return caller.post(f"{URL}{user.pk}/deactivate/")


def activate(caller, user):
    return caller.post(f"{URL}{user.pk}/activate/")


@pytest.mark.parametrize("act", [activate, deactivate])
def test_only_administrators_may(api, everybody, act):
    user, *_ = everybody
    assert_refused_and_unchanged(api, "users:write", lambda caller: act(caller, user))


def test_deactivating_ends_sessions_tokens_keys_and_sign_in(api, as_admin, user):
    tokens = sessions.open_session(user=user).tokens
    keyed = api.as_key(make_key(user).raw)
    assert deactivate(as_admin, user).json()["data"]["is_active"] is False
    principal_cache().clear()
    assert api.get(ME, HTTP_AUTHORIZATION=f"Bearer {tokens.access}").status_code == 401
    assert api.post("/api/v1/auth/refresh/", {"refresh": tokens.refresh}).status_code == 401
    assert keyed.get(ME).status_code == 401
    assert api.post("/api/v1/auth/login/", {"username": "owner", "password": PASSWORD}).status_code == 401


def test_activating_lets_keys_and_sign_in_work_again_and_no_old_session(api, as_admin, user):
    tokens = sessions.open_session(user=user).tokens
    keyed = api.as_key(make_key(user).raw)
    deactivate(as_admin, user)
    assert activate(as_admin, user).json()["data"]["is_active"] is True
    principal_cache().clear()
    assert keyed.get(ME).status_code == 200
    assert api.get(ME, HTTP_AUTHORIZATION=f"Bearer {tokens.access}").status_code == 401
    assert api.post("/api/v1/auth/login/", {"username": "owner", "password": PASSWORD}).status_code == 200


def test_both_are_written_down_once_however_often_they_are_asked_for(as_admin, admin, user):
    for act in (deactivate, deactivate, activate, activate):
        assert act(as_admin, user).status_code == 200
    assert [action for action in actions() if action.endswith("tivated")] == ["user.deactivated", "user.activated"]
    assert last_entry("user.deactivated").actor_id == admin.pk


def test_an_administrators_key_may(admin_key, user):
    assert deactivate(admin_key, user).status_code == 200
    assert last_entry("user.deactivated").via.startswith("api_key:")


def test_no_administrator_deactivates_themselves(as_admin, admin):
    assert error_of(deactivate(as_admin, admin)) == (409, "own_account")
    admin.refresh_from_db()
    assert admin.is_active


@pytest.mark.parametrize("what", ["activate", "deactivate"])
def test_an_account_that_is_none_is_404_and_other_methods_are_405(as_admin, user, what):
    assert error_of(as_admin.post(f"{URL}{uuid4()}/{what}/")) == (404, "not_found")
    assert error_of(as_admin.get(f"{URL}{user.pk}/{what}/")) == (405, "method_not_allowed")
