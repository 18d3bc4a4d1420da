"""POST /api/v1/auth/refresh/ and /api/v1/auth/token/refresh/"""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.utils import timezone

from core.principals import principal_cache
from users.models import Session, User
from users.services import sessions
from users.tests.support import error_of, fields_of, last_entry

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/refresh/"
ME = "/api/v1/auth/me/"


@pytest.fixture
def tokens(user):
    return sessions.open_session(user=user).tokens


def refresh(api, token, url=URL):
    return api.post(url, {"refresh": token})


def works(api, access) -> bool:
    # As in another process, which has not seen the token yet.
    principal_cache().clear()
    return api.get(ME, HTTP_AUTHORIZATION=f"Bearer {access}").status_code == 200


@pytest.mark.parametrize("url", [URL, "/api/v1/auth/token/refresh/"])
def test_a_refresh_token_gives_new_tokens_of_the_same_session(api, tokens, url):
    session = Session.objects.get()
    data = refresh(api, tokens.refresh, url).json()["data"]
    assert set(data) == {"access", "refresh", "expires_in", "session_id"}
    assert data["session_id"] == str(session.pk)
    assert data["refresh"] != tokens.refresh
    assert works(api, data["access"])


def test_no_access_token_is_needed_and_an_expired_one_does_not_hinder_if_left_out(api, tokens):
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert refresh(api, tokens.refresh).status_code == 200


def test_a_spent_token_within_the_grace_is_refused_and_the_session_lives(api, tokens):
    data = refresh(api, tokens.refresh).json()["data"]
    assert error_of(refresh(api, tokens.refresh)) == (401, "refresh_token_spent")
    assert works(api, data["access"])
    assert refresh(api, data["refresh"]).status_code == 200


def test_a_spent_token_after_the_grace_ends_the_session_with_everything_it_gave_out(api, tokens, settings):
    data = refresh(api, tokens.refresh).json()["data"]
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.REFRESH_GRACE_SECONDS + 1)):
        assert error_of(refresh(api, tokens.refresh)) == (401, "refresh_token_reused")
        assert error_of(refresh(api, data["refresh"])) == (401, "invalid_token")
        assert not works(api, data["access"])
    assert last_entry("session.reuse_detected").target_id == data["session_id"]


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "é", "x" * 2048])
def test_what_is_no_token_is_401(api, token):
    response = refresh(api, token)
    assert error_of(response) == (401, "invalid_token")
    assert response["WWW-Authenticate"]


def test_an_access_token_is_not_taken(api, tokens):
    assert error_of(refresh(api, tokens.access)) == (401, "invalid_token")


def test_a_forged_token_ends_nobodys_session(api, tokens):
    claims = jwt.decode(tokens.refresh, options={"verify_signature": False})
    kid = next(iter(django_settings.JWT_SIGNING_KEYS))
    forged = jwt.encode({**claims, "jti": "0" * 32}, "f" * 64, algorithm="HS256", headers={"kid": kid})
    assert error_of(refresh(api, forged)) == (401, "invalid_token")
    assert Session.objects.get().is_active
    assert refresh(api, tokens.refresh).status_code == 200


@pytest.mark.parametrize("state", ["signed out", "deactivated", "expired"])
def test_an_ended_session_gives_nothing(api, tokens, user, state):
    session = Session.objects.get()
    if state == "signed out":
        sessions.revoke_session(session=session, actor=user)
    elif state == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        Session.objects.update(expires_at=timezone.now())
    assert error_of(refresh(api, tokens.refresh)) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"refresh": ""}, "blank"),
        ({"refresh": None}, "null"),
        ({"refresh": ["x"]}, "invalid"),
        ({"refresh": "x" * 2049}, "max_length"),
    ],
)
def test_a_body_without_a_token_is_refused_by_field(api, body, code):
    assert fields_of(api.post(URL, body)) == {"refresh": code}


def test_a_new_address_is_seen_in_the_list_of_sessions(api, tokens):
    api.post(URL, {"refresh": tokens.refresh}, REMOTE_ADDR="203.0.113.77")
    assert Session.objects.get().ip_address == "203.0.113.77"
