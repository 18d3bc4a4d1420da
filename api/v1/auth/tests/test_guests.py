"""POST /api/v1/auth/guest/, /api/v1/auth/guest/invitations/ and /api/v1/auth/guest/upgrade/"""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from api import gate
from api_keys.tests.factories import make_key
from core.models import AuditEntry
from core.principals import principal_cache
from users.models import User
from users.services import guests
from users.tests.factories import PASSWORD, make_user
from users.tests.support import error_of, fields_of

pytestmark = pytest.mark.django_db
ENTER = "/api/v1/auth/guest/"
INVITE = f"{ENTER}invitations/"
UPGRADE = f"{ENTER}upgrade/"
ME = "/api/v1/auth/me/"
ACCOUNT = {"username": "settled", "email": "settled@example.com", "password": PASSWORD}


@pytest.fixture
def invitation(admin):
    return guests.issue_invitation(resource="room:42", lifetime=timedelta(hours=1), actor=admin)


def enter(api, invitation, name="Visitor"):
    return api.post(ENTER, {"invitation": invitation, "display_name": name})


def no_guests() -> bool:
    return not User.objects.filter(is_guest=True).exists()


# Inviting


def test_from_the_invitation_to_a_guest_to_an_account(api, as_admin):
    response = as_admin.post(INVITE, {"resource": "room:42", "expires_in": 3600})
    assert response.status_code == 201
    entered = enter(api, response.json()["data"]["invitation"])
    assert entered.status_code == 201
    data = entered.json()["data"]
    caller = api
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {data['access']}")
    me = caller.get(ME).json()["data"]
    assert (me["is_guest"], me["guest_resource"], me["profile"]["display_name"]) == (True, "room:42", "Visitor")
    upgraded = caller.post(UPGRADE, ACCOUNT)
    assert upgraded.status_code == 200
    fresh = upgraded.json()["data"]
    assert (fresh["user"]["id"], fresh["user"]["is_guest"]) == (data["user"]["id"], False)
    principal_cache().clear()
    assert caller.get(ME).status_code == 401
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {fresh['access']}")
    assert caller.get(ME).json()["data"]["username"] == "settled"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"resource": "required"}),
        ({"resource": "room"}, {"resource": "invalid_resource"}),
        ({"resource": "room:" + "x" * 200}, {"resource": "max_length"}),
        ({"resource": "room:1", "expires_in": 59}, {"expires_in": "min_value"}),
        ({"resource": "room:1", "expires_in": 30 * 86_400 + 1}, {"expires_in": "max_value"}),
        ({"resource": "room:1", "expires_in": "soon"}, {"expires_in": "invalid"}),
        ({"resource": "room:1", "expires_in": 10**15}, {"expires_in": "max_value"}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_invitation_is_refused_by_field(as_admin, body, wrong):
    assert fields_of(as_admin.post(INVITE, body)) == wrong


def test_only_administrators_invite(api, as_user, as_guest, as_admin, admin):
    body = {"resource": "room:1"}
    assert error_of(api.post(INVITE, body)) == (401, "not_authenticated")
    assert error_of(as_user.post(INVITE, body)) == (403, "admin_required")
    assert error_of(as_guest.post(INVITE, body)) == (403, "admin_required")
    assert error_of(api.as_key(make_key(admin).raw).post(INVITE, body)) == (403, "session_required")
    assert not AuditEntry.objects.filter(action="guest.invited").exists()
    assert as_admin.post(INVITE, body).status_code == 201


# Entering


def test_an_expired_invitation_lets_nobody_in(api, invitation):
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert fields_of(enter(api, invitation)) == {"invitation": "invalid_link"}
    assert no_guests()


def test_a_forged_invitation_lets_nobody_in(api, invitation):
    for token in ("nonsense", invitation[:-2], invitation.swapcase(), "a" + invitation):
        assert fields_of(enter(api, token)) == {"invitation": "invalid_link"}
    assert no_guests()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"display_name": ""}, {"display_name": "blank"}),
        ({"display_name": "x" * 101}, {"display_name": "max_length"}),
        ({"display_name": "Ad\u200bmin"}, {"display_name": "hidden_characters"}),
        ({"display_name": "a\x00"}, {"display_name": "null_characters_not_allowed"}),
        ({"invitation": ""}, {"invitation": "blank"}),
        ({"invitation": "x" * 1025}, {"invitation": "max_length"}),
        ({"invitation": {"resource": "room:1"}}, {"invitation": "invalid"}),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_wrong_entry_is_refused_by_field(api, invitation, change, wrong):
    assert fields_of(api.post(ENTER, {"invitation": invitation, "display_name": "Visitor", **change})) == wrong
    assert no_guests()


def test_where_guests_are_not_accepted_it_says_so(api, invitation, settings):
    settings.GUESTS_ENABLED = False
    assert error_of(enter(api, invitation)) == (403, "guests_closed")
    assert no_guests()


def test_a_guest_ends_by_itself_with_its_tokens(api, invitation, settings):
    data = enter(api, invitation).json()["data"]
    with time_machine.travel(timezone.now() + settings.GUEST_LIFETIME + timedelta(seconds=1)):
        assert error_of(api.post("/api/v1/auth/refresh/", {"refresh": data["refresh"]})) == (401, "invalid_token")
        assert api.get(ME, HTTP_AUTHORIZATION=f"Bearer {data['access']}").status_code == 401


def test_no_one_address_makes_guests_without_end(api, invitation, settings):
    settings.LIMIT_SENSITIVE = "3/60"
    gate.sensitive_policy.cache_clear()
    try:
        assert [enter(api, invitation).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert User.objects.filter(is_guest=True).count() == 3
    finally:
        gate.sensitive_policy.cache_clear()


def test_a_guest_may_not_do_what_takes_an_account(as_guest):
    body = {"current_password": "x", "new_password": PASSWORD}
    assert error_of(as_guest.post("/api/v1/auth/change-password/", body)) == (403, "account_required")
    assert error_of(as_guest.get("/api/v1/users/")) == (403, "admin_required")


# Becoming an account


def test_a_taken_name_and_a_taken_address_are_refused_in_the_same_words(as_guest, guest):
    make_user(username="taken", email="taken@example.com")
    answers = {
        as_guest.post(UPGRADE, {**ACCOUNT, **change}, HTTP_X_REQUEST_ID="same").content
        for change in ({"username": "Taken"}, {"email": "TAKEN@example.com"})
    }
    assert len(answers) == 1
    assert b"unavailable" in answers.pop()
    guest.refresh_from_db()
    assert guest.is_guest


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short"}, "password"),
        ({"username": "a@b"}, "username"),
        ({"email": "x"}, "email"),
        ({"email": None}, "email"),
    ],
)
def test_a_refused_upgrade_leaves_the_guest_a_guest(as_guest, guest, change, field):
    assert set(fields_of(as_guest.post(UPGRADE, {**ACCOUNT, **change}))) == {field}
    guest.refresh_from_db()
    assert guest.is_guest
    assert as_guest.get(ME).status_code == 200


def test_an_upgrade_makes_no_administrator(as_guest, guest):
    as_guest.post(UPGRADE, {**ACCOUNT, "is_staff": True, "is_superuser": True})
    guest.refresh_from_db()
    assert (guest.is_guest, guest.is_staff, guest.is_superuser) == (False, False, False)


def test_accounts_keys_and_nobody_cannot_be_upgraded(api, as_user, as_key, user):
    assert error_of(as_user.post(UPGRADE, ACCOUNT)) == (409, "not_a_guest")
    assert error_of(as_key.post(UPGRADE, ACCOUNT)) == (403, "session_required")
    assert error_of(api.post(UPGRADE, ACCOUNT)) == (401, "not_authenticated")
    user.refresh_from_db()
    assert user.username == "owner"
