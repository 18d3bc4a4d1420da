"""POST /api/v1/auth/password-reset/ and /api/v1/auth/password-reset/confirm/"""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api import gate
from core.principals import principal_cache
from users.services import sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import error_of, fields_of, reset_token, subjects

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/password-reset/"
CONFIRM = f"{URL}confirm/"
NEW = "another fine password"


@pytest.fixture
def ask(api, django_capture_on_commit_callbacks):
    def call(email="owner@example.com", **http):
        with django_capture_on_commit_callbacks(execute=True):
            return api.post(URL, {"email": email}, **http)

    return call


def test_from_the_letter_to_a_new_password(api, user, ask):
    tokens = sessions.open_session(user=user).tokens
    assert ask().status_code == 202
    body = {"uid": str(user.pk), "token": reset_token(), "new_password": NEW}
    response = api.post(CONFIRM, body)
    assert (response.status_code, response.content) == (204, b"")
    login = "/api/v1/auth/login/"
    assert api.post(login, {"username": "owner", "password": PASSWORD}).status_code == 401
    assert api.post(login, {"username": "owner", "password": NEW}).status_code == 200
    principal_cache().clear()
    assert api.get("/api/v1/auth/me/", HTTP_AUTHORIZATION=f"Bearer {tokens.access}").status_code == 401
    assert fields_of(api.post(CONFIRM, body)) == {"token": "invalid_link"}


def test_known_unknown_inactive_and_guest_addresses_are_answered_alike(user, ask):
    make_user(username="inactive", is_active=False)
    make_guest(email="guest@example.com")
    answers = {
        (response.status_code, response.content)
        for name in ("owner", "nobody", "inactive", "guest")
        for response in [ask(f"{name}@example.com", HTTP_X_REQUEST_ID="same")]
    }
    assert len(answers) == 1
    assert [letter.to for letter in mail.outbox] == [["owner@example.com"]]


def test_known_and_unknown_addresses_take_the_same_work(api, user, django_capture_on_commit_callbacks):
    work = []
    for email in ("owner@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks() as rings:
            api.post(URL, {"email": email})
        work.append(([query["sql"].split()[0] for query in queries], len(rings)))
    assert work[0] == work[1]
    assert work[0][1] == 1


def test_after_the_fifth_letter_the_answer_stays_the_same_and_no_more_are_sent(user, ask):
    answers = {ask(HTTP_X_REQUEST_ID="same").content for _ in range(7)}
    assert len(answers) == 1
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("email", ["nonsense", "", None, 5, "a\x00@example.com", "x" * 260 + "@example.com", "a@b@c"])
def test_what_is_no_address_is_refused_by_field(api, email):
    assert set(fields_of(api.post(URL, {"email": email}))) == {"email"}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"token": "nonsense"}, {"token": "invalid_link"}),
        ({"token": "x" * 201}, {"token": "max_length"}),
        ({"token": ""}, {"token": "blank"}),
        ({"uid": "not-a-uuid"}, {"uid": "invalid"}),
        ({"uid": "01890000-0000-7000-8000-000000000000"}, {"token": "invalid_link"}),
        ({"uid": 5}, {"token": "invalid_link"}),
        ({"new_password": "short"}, {"new_password": "password_too_short"}),
        ({"new_password": "x" * 129}, {"new_password": "max_length"}),
    ],
)
def test_a_refused_confirmation_names_the_field_and_changes_nothing(api, user, ask, change, wrong):
    ask()
    tokens = sessions.open_session(user=user).tokens
    body = {"uid": str(user.pk), "token": reset_token(), "new_password": NEW, **change}
    assert fields_of(api.post(CONFIRM, body)) == wrong
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert sessions.refresh_session(token=tokens.refresh)
    assert subjects() == ["Reset your password"]


def test_the_token_of_one_account_opens_no_other(api, user, other, ask):
    ask()
    body = {"uid": str(other.pk), "token": reset_token(), "new_password": NEW}
    assert fields_of(api.post(CONFIRM, body)) == {"token": "invalid_link"}
    other.refresh_from_db()
    assert other.check_password(PASSWORD)


def test_asking_resets_nothing_by_itself(api, user, ask):
    ask()
    assert api.post("/api/v1/auth/login/", {"username": "owner", "password": PASSWORD}).status_code == 200


def test_resets_and_confirmations_share_the_strict_limit_of_their_address(api, user, settings):
    settings.LIMIT_SENSITIVE = "3/60"
    gate.sensitive_policy.cache_clear()
    try:
        codes = [api.post(URL, {"email": f"a{number}@example.com"}).status_code for number in range(2)]
        body = {"uid": str(user.pk), "token": "x", "new_password": NEW}
        codes += [api.post(CONFIRM, body).status_code for _ in range(2)]
        assert codes == [202, 202, 400, 429]
        assert error_of(api.post(URL, {"email": "b@example.com"})) == (429, "rate_limited")
    finally:
        gate.sensitive_policy.cache_clear()
