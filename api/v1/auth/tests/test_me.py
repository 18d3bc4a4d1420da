"""GET /api/v1/auth/me/"""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from api_keys.tests.factories import make_key
from users.models import User, UserProfile
from users.services import sessions
from users.tests.support import error_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/me/"


def test_a_person_sees_their_account_and_session(api, user):
    result = sessions.open_session(user=user)
    data = api.get(URL, HTTP_AUTHORIZATION=f"Bearer {result.tokens.access}").json()["data"]
    assert (data["id"], data["username"], data["email"]) == (str(user.pk), "owner", "owner@example.com")
    assert data["profile"]["time_zone"] == "UTC"
    assert data["credential"] == {
        "kind": "session",
        "id": str(result.session.pk),
        "scopes": None,
        "environment": "live",
    }
    assert data["created_at"].endswith("Z")


def test_nothing_secret_is_among_it(as_user):
    assert {"password", "tokens_valid_after", "is_superuser"}.isdisjoint(as_user.get(URL).json()["data"])


def test_a_key_sees_whose_it_is_and_what_it_may_do(api, user):
    key = make_key(user, scopes=["account:read"], environment="test")
    data = api.as_key(key.raw).get(URL).json()["data"]
    assert data["username"] == "owner"
    assert data["credential"]["kind"] == "api_key"
    assert data["credential"]["scopes"] == ["account:read"]
    assert data["credential"]["environment"] == "test"


def test_a_guest_sees_what_it_is_bound_to_and_until_when(as_guest, guest):
    data = as_guest.get(URL).json()["data"]
    assert (data["is_guest"], data["guest_resource"], data["email"]) == (True, "room:1", None)
    assert data["guest_expires_at"]


def test_an_expired_guest_is_nobody(as_guest, guest):
    with time_machine.travel(guest.guest_expires_at + timedelta(seconds=1)):
        assert error_of(as_guest.get(URL)) == (401, "invalid_token")


def test_an_account_without_a_profile_is_shown_with_the_usual_one(as_user, user):
    UserProfile.objects.all().delete()
    assert as_user.get(URL).json()["data"]["profile"]["locale"] == "en"


def test_nobody_is_told_how_to_sign_in(api):
    response = api.get(URL)
    assert error_of(response) == (401, "not_authenticated")
    assert "Bearer" in response["WWW-Authenticate"]
    assert "ApiKey" in response["WWW-Authenticate"]


def test_a_key_without_the_scope_is_told_which_it_lacks(as_bare_key):
    response = as_bare_key.get(URL)
    assert error_of(response) == (403, "insufficient_scope")
    assert "account:read" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic b3duZXI6cHc=", "bearer a.b.c", "Bearer é", "Token x", "x" * 5000]
)
def test_credentials_that_are_none_are_401(api, header):
    response = api.get(URL, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.json()["error"]["code"] in {"invalid_credentials", "invalid_token"}


def test_the_scheme_may_be_written_in_any_case(api, user):
    access = sessions.open_session(user=user).tokens.access
    assert api.get(URL, HTTP_AUTHORIZATION=f"bEARER {access}").status_code == 200


def test_an_access_token_ends_by_itself_although_it_is_cached(api, user):
    tokens = sessions.open_session(user=user).tokens
    now = timezone.now()
    caller = api
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.access}")
    with time_machine.travel(now + timedelta(seconds=tokens.expires_in - 2)):
        assert caller.get(URL).status_code == 200
    with time_machine.travel(now + timedelta(seconds=tokens.expires_in + 6)):
        assert error_of(caller.get(URL)) == (401, "invalid_token")


def test_an_account_deleted_a_moment_ago_is_401_and_no_error_of_ours(as_user, user):
    assert as_user.get(URL).status_code == 200
    User.objects.all().delete()
    # The announcement has not arrived: the principal is still cached here.
    assert as_user.get(URL).status_code == 401


def test_it_takes_two_queries_and_with_a_known_token_one(api, user, django_assert_num_queries):
    caller = api.as_user(user)
    with django_assert_num_queries(2):
        caller.get(URL)
    with django_assert_num_queries(1):
        caller.get(URL)
