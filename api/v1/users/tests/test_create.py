"""POST /api/v1/users/"""

import pytest

from api.v1.users.tests.support import URL, assert_refused_and_unchanged, state
from core.models import AuditEntry
from users.models import User
from users.tests.factories import PASSWORD, make_user
from users.tests.support import error_of, fields_of, last_entry

pytestmark = pytest.mark.django_db
BODY = {"username": "new", "email": "new@example.com", "password": PASSWORD}


def test_only_administrators_make_accounts(api, everybody):
    assert_refused_and_unchanged(api, "users:write", lambda caller: caller.post(URL, BODY))
    assert not AuditEntry.objects.filter(action="user.created").exists()


def test_the_account_is_answered_with_its_place_and_can_sign_in_at_once(api, as_admin, settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    response = as_admin.post(URL, {**BODY, "first_name": "Ada", "is_staff": True, "max_messages_per_day": 7})
    data = response.json()["data"]
    assert response.status_code == 201
    assert (data["username"], data["first_name"], data["is_staff"], data["max_messages_per_day"]) == ("new", "Ada", True, 7)
    assert "password" not in data
    assert data["email_verified_at"]
    assert as_admin.get(response["Location"]).json()["data"]["id"] == data["id"]
    login = api.post("/api/v1/auth/login/", {"username": "new", "password": PASSWORD})
    assert login.status_code == 200


def test_it_is_written_down_who_made_it_and_through_what(as_admin, admin_key, admin):
    as_admin.post(URL, BODY)
    entry = last_entry("user.created")
    assert (entry.actor_id, entry.via, entry.target_label) == (admin.pk, "session", "new")
    admin_key.post(URL, {**BODY, "username": "second", "email": "second@example.com"})
    assert last_entry("user.created").via.startswith("api_key:")


def test_a_superuser_cannot_be_made_here(as_admin):
    data = as_admin.post(URL, {**BODY, "is_superuser": True, "is_guest": True, "id": "x"}).json()["data"]
    assert (data["is_superuser"], data["is_guest"]) == (False, False)


def test_an_account_can_be_made_inactive(api, as_admin):
    assert as_admin.post(URL, {**BODY, "is_active": False}).json()["data"]["is_active"] is False
    assert api.post("/api/v1/auth/login/", {"username": "new", "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"username": "OWNER"}, {"username": "unique"}),
        ({"email": "Owner@Example.com"}, {"email": "unique"}),
        ({"username": "OWNER", "email": "owner@example.com"}, {"username": "unique", "email": "unique"}),
        ({"username": "a@b"}, {"username": "invalid_username"}),
        ({"username": None}, {"username": "null"}),
        ({"email": ""}, {"email": "blank"}),
        ({"email": "x"}, {"email": "invalid"}),
        ({"password": "short"}, {"password": "password_too_short"}),
        ({"password": "12345678"}, {"password": "password_too_common"}),
        ({"first_name": "x" * 151}, {"first_name": "max_length"}),
        ({"first_name": "\x00"}, {"first_name": "null_characters_not_allowed"}),
        ({"is_staff": "perhaps"}, {"is_staff": "invalid"}),
        ({"is_staff": None}, {"is_staff": "null"}),
        ({"max_messages_per_day": -1}, {"max_messages_per_day": "min_value"}),
        ({"max_messages_per_day": 10**10}, {"max_messages_per_day": "max_value"}),
        ({"max_messages_per_day": 1.5}, {"max_messages_per_day": "invalid"}),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_wrong_field_is_named_and_nothing_is_made(as_admin, user, change, wrong):
    before = state()
    assert fields_of(as_admin.post(URL, {**BODY, **change})) == wrong
    assert state() == before


@pytest.mark.parametrize("body", [{}, [], [BODY]])
def test_an_empty_body_or_a_list_is_refused(as_admin, body):
    assert as_admin.post(URL, body).status_code == 400
    assert User.objects.count() == 1


# Idempotency-Key


def test_the_same_request_twice_makes_one_account_and_gets_one_answer(as_admin):
    first = as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY="k1")
    second = as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["data"] == second.json()["data"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert User.objects.filter(username="new").count() == 1
    assert AuditEntry.objects.filter(action="user.created").count() == 1


def test_the_same_key_with_another_body_is_422_and_makes_nothing(as_admin):
    as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY="k1")
    other = {**BODY, "username": "second", "email": "second@example.com"}
    assert error_of(as_admin.post(URL, other, HTTP_IDEMPOTENCY_KEY="k1")) == (422, "idempotency_key_reused")
    assert not User.objects.filter(username="second").exists()


def test_a_refused_request_is_not_kept_so_the_corrected_one_may_use_the_key(as_admin):
    assert as_admin.post(URL, {**BODY, "password": "short"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 400
    assert as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY="k1").status_code == 201


def test_without_a_key_the_second_one_finds_the_name_taken(as_admin):
    as_admin.post(URL, BODY)
    assert set(fields_of(as_admin.post(URL, BODY))) == {"username", "email"}


def test_the_key_of_one_administrator_is_not_anothers(api, as_admin):
    second = api.as_user(make_user(is_staff=True))
    as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY="k1")
    response = second.post(URL, {**BODY, "username": "second", "email": "second@example.com"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "é"])
def test_a_key_that_is_none_is_refused(as_admin, key):
    assert as_admin.post(URL, BODY, HTTP_IDEMPOTENCY_KEY=key).status_code == 400
    assert not User.objects.filter(username="new").exists()
