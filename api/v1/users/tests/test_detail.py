"""GET, PUT, PATCH and DELETE /api/v1/users/{id}/"""

from uuid import uuid4

import pytest

from api.v1.users.tests.support import URL, assert_refused_and_unchanged, state
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.models import AuditEntry
from core.principals import principal_cache
from users.models import Session, User
from users.services import sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import error_of, fields_of, last_entry

pytestmark = pytest.mark.django_db


def at(user) -> str:
    return f"{URL}{user.pk}/"


@pytest.mark.parametrize("identifier", ["1", "None", "not-a-uuid", "0" * 32])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_what_is_no_id_is_404(as_admin, identifier, method):
    assert error_of(getattr(as_admin, method)(f"{URL}{identifier}/")) == (404, "not_found")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_account_that_is_none_is_404(as_admin, method):
    body = {} if method == "get" else {"username": "x", "email": "x@example.com"}
    assert error_of(getattr(as_admin, method)(f"{URL}{uuid4()}/", body)) == (404, "not_found")


# GET


def test_only_administrators_see_an_account_not_even_the_own_one_here(api, everybody):
    user, *_ = everybody
    assert_refused_and_unchanged(api, "users:read", lambda caller: caller.get(at(user)))


def test_an_administrator_and_its_key_see_an_account(as_admin, admin_key, user):
    for caller in (as_admin, admin_key):
        data = caller.get(at(user)).json()["data"]
        assert (data["id"], data["username"], data["is_active"]) == (str(user.pk), "owner", True)
        assert "password" not in data


# PUT and PATCH


@pytest.mark.parametrize("method", ["put", "patch"])
def test_only_administrators_change_an_account(api, everybody, method):
    user, *_ = everybody
    body = {"username": "changed", "email": "changed@example.com", "is_staff": True}
    assert_refused_and_unchanged(api, "users:write", lambda caller: getattr(caller, method)(at(user), body))


def test_some_fields_can_be_changed_and_the_rest_stays(as_admin, user):
    data = as_admin.patch(at(user), {"first_name": "Ada", "max_messages_per_day": 0}).json()["data"]
    assert (data["first_name"], data["max_messages_per_day"], data["username"]) == ("Ada", 0, "owner")
    assert last_entry("user.updated").changes == {"first_name": ["", "Ada"], "max_messages_per_day": ["1000", "0"]}


def test_put_needs_name_and_address(as_admin, user):
    assert fields_of(as_admin.put(at(user), {"first_name": "Ada"})) == {"username": "required", "email": "required"}
    assert as_admin.put(at(user), {"username": "renamed", "email": "renamed@example.com"}).status_code == 200
    user.refresh_from_db()
    assert (user.username, user.email) == ("renamed", "renamed@example.com")


def test_an_empty_patch_changes_nothing(as_admin, user):
    before = state()
    assert as_admin.patch(at(user), {}).status_code == 200
    assert state() == before


def test_what_is_not_to_be_set_is_left_alone(as_admin, user):
    before = state()
    body = {"id": str(uuid4()), "is_superuser": True, "is_guest": True, "password": "another password", "email_verified_at": None}
    assert as_admin.patch(at(user), body).status_code == 200
    assert state() == before


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"username": "Chief"}, {"username": "unique"}),
        ({"email": "CHIEF@example.com"}, {"email": "unique"}),
        ({"username": ""}, {"username": "blank"}),
        ({"username": "a b"}, {"username": "invalid_username"}),
        ({"email": None}, {"email": "null"}),
        ({"is_active": "perhaps"}, {"is_active": "invalid"}),
        ({"max_messages_per_day": -5}, {"max_messages_per_day": "min_value"}),
        ({"last_name": "\x00"}, {"last_name": "null_characters_not_allowed"}),
        ({"username": "chief", "is_active": False}, {"username": "unique"}),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_and_nothing_is_changed_at_all(as_admin, user, change, wrong):
    sessions.open_session(user=user)
    before, entries = state(), AuditEntry.objects.count()
    assert fields_of(as_admin.patch(at(user), {"first_name": "Good", **change})) == wrong
    assert state() == before
    assert Session.objects.active().filter(user=user).exists()
    assert AuditEntry.objects.count() == entries


def test_changing_the_state_by_patch_ends_and_restores_access(api, as_admin, user):
    caller = api.as_user(user)
    assert as_admin.patch(at(user), {"is_active": False}).json()["data"]["is_active"] is False
    principal_cache().clear()
    assert caller.get("/api/v1/auth/me/").status_code == 401
    assert as_admin.patch(at(user), {"is_active": True}).json()["data"]["is_active"] is True
    principal_cache().clear()
    assert caller.get("/api/v1/auth/me/").status_code == 401, "the session stays ended"
    assert api.as_user(user).get("/api/v1/auth/me/").status_code == 200


@pytest.mark.parametrize("body", [{"is_active": False}, {"is_staff": False}])
def test_an_administrator_cannot_shut_themselves_out(as_admin, admin, body):
    before = state()
    assert error_of(as_admin.patch(at(admin), body)) == (409, "own_account")
    assert state() == before


def test_an_administrator_made_an_ordinary_person_is_one(api, as_admin):
    second = make_user(is_staff=True)
    caller = api.as_user(second)
    as_admin.patch(at(second), {"is_staff": False})
    principal_cache().clear()
    assert error_of(caller.get(URL)) == (403, "admin_required")


def test_an_ordinary_administrator_cannot_take_a_superuser_over(api, admin):
    staff = api.as_user(make_user(is_staff=True))
    before = state()
    for call in (
        lambda: staff.patch(at(admin), {"email": "mine@example.com"}),
        lambda: staff.patch(at(admin), {"is_staff": False}),
        lambda: staff.delete(at(admin)),
        lambda: staff.post(f"{at(admin)}deactivate/"),
    ):
        assert error_of(call()) == (403, "superuser_required")
    assert state() == before


# DELETE


def test_only_administrators_delete_an_account(api, everybody):
    user, *_ = everybody
    assert_refused_and_unchanged(api, "users:write", lambda caller: caller.delete(at(user)))


def test_a_deleted_account_is_gone_with_sessions_and_keys_and_the_trail_stays(api, as_admin, admin, user):
    caller, keyed = api.as_user(user), api.as_key(make_key(user).raw)
    response = as_admin.delete(at(user))
    assert (response.status_code, response.content) == (204, b"")
    assert as_admin.get(at(user)).status_code == 404
    assert not Session.objects.filter(user_id=user.pk).exists()
    assert not APIKey.objects.exists()
    principal_cache().clear()
    for gone in (caller, keyed):
        assert gone.get("/api/v1/auth/me/").status_code == 401
    assert api.post("/api/v1/auth/login/", {"username": "owner", "password": PASSWORD}).status_code == 401
    entry = last_entry("user.deleted")
    assert (entry.actor_id, entry.target_id, entry.target_label) == (admin.pk, str(user.pk), "owner")


def test_a_guest_can_be_deleted(as_admin):
    guest = make_guest()
    assert as_admin.delete(at(guest)).status_code == 204
    assert not User.objects.filter(pk=guest.pk).exists()


def test_no_administrator_deletes_themselves(as_admin, admin):
    before = state()
    assert error_of(as_admin.delete(at(admin))) == (409, "own_account")
    assert state() == before
