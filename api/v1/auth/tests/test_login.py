"""POST /api/v1/auth/login/"""

import pytest

from api import gate
from api_keys.tests.factories import make_key
from users import tokens
from users.models import Session
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import ELSEWHERE, HERE, counted_hashing, error_of, fields_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/login/"


def login(api, username="owner", password=PASSWORD, **extra):
    return api.post(URL, {"username": username, "password": password}, **extra)


def test_the_answer_has_both_tokens_their_life_the_session_and_the_user(api, user):
    response = login(api, HTTP_USER_AGENT="Browser/1", REMOTE_ADDR=HERE)
    data = response.json()["data"]
    assert response.status_code == 200
    assert set(data) == {"access", "refresh", "expires_in", "session_id", "user"}
    assert data["user"]["id"] == str(user.pk)
    assert (data["user"]["username"], data["user"]["is_staff"], data["user"]["is_guest"]) == ("owner", False, False)
    assert "password" not in data["user"]
    session = Session.objects.get(pk=data["session_id"])
    assert (session.user_agent, session.ip_address) == ("Browser/1", HERE)
    assert tokens.read_access(data["access"]).session_id == session.pk


def test_the_access_token_opens_the_api(api, user):
    access = login(api).json()["data"]["access"]
    response = api.get("/api/v1/auth/me/", HTTP_AUTHORIZATION=f"Bearer {access}")
    assert response.json()["data"]["username"] == "owner"


@pytest.mark.parametrize("name", ["owner@example.com", "OWNER@EXAMPLE.COM", "OwNeR", "  owner  "])
def test_a_name_or_an_address_will_do_in_any_case(api, user, name):
    assert login(api, name).status_code == 200


def test_passwords_are_taken_as_typed(api):
    make_user(username="spaced", password="  two spaces each side  ")
    assert login(api, "spaced", "  two spaces each side  ").status_code == 200
    assert login(api, "spaced", "two spaces each side").status_code == 401


def test_unknown_wrong_inactive_unproven_and_guest_are_answered_alike_and_at_the_same_cost(api, user, settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    make_user(username="inactive", is_active=False)
    make_user(username="unproven", email_verified_at=None)
    make_guest(username="visitor")
    answers = set()
    for name, password in [
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("owner", "a wrong password"),
        ("owner@example.com", "a wrong password"),
        ("inactive", PASSWORD),
        ("inactive", "a wrong password"),
        ("unproven", PASSWORD),
        ("unproven", "a wrong password"),
        ("visitor", PASSWORD),
    ]:
        with counted_hashing() as hashed:
            response = login(api, name, password, HTTP_X_REQUEST_ID="same")
        assert len(hashed) == 1, name
        answers.add((response.status_code, response.content, response["WWW-Authenticate"]))
    assert len(answers) == 1
    assert error_of(response) == (401, "invalid_credentials")
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"username": "required", "password": "required"}),
        ({"username": "", "password": ""}, {"username": "blank", "password": "blank"}),
        ({"username": None, "password": None}, {"username": "null", "password": "null"}),
        ({"username": ["owner"], "password": {"$ne": ""}}, {"username": "invalid", "password": "invalid"}),
        ({"username": "x" * 255, "password": "x" * 129}, {"username": "max_length", "password": "max_length"}),
        ({"username": "a\x00b", "password": "a\x00b"}, dict.fromkeys(["username", "password"], "null_characters_not_allowed")),
        ({"username": True, "password": True}, {"username": "invalid", "password": "invalid"}),
    ],
)
def test_a_body_that_is_no_name_and_password_is_refused_by_field(api, user, body, wrong):
    assert fields_of(api.post(URL, body)) == wrong


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"owner"', b"{", b'{"username": "\\ud800", "password": "x"}', b"\xff\xfe", b"1e999"]
)
def test_a_body_that_is_no_object_is_refused(api, body):
    response = api.generic("POST", URL, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["success"] is False


def test_a_form_is_not_taken(api, user):
    response = api.post(URL, "username=owner&password=x", content_type="application/x-www-form-urlencoded")
    assert error_of(response) == (415, "unsupported_media_type")


def test_only_post_is_answered(api):
    assert error_of(api.get(URL)) == (405, "method_not_allowed")


def test_the_answer_never_repeats_the_password(api, user):
    response = login(api, "owner", "a secret guess")
    assert b"a secret guess" not in response.content


def test_the_sixth_failure_at_one_account_from_one_address_is_429_with_the_time_to_wait(api, user):
    for _ in range(5):
        assert login(api, password="a wrong password").status_code == 401
    response = login(api)
    assert error_of(response) == (429, "login_throttled")
    assert 1 <= int(response["Retry-After"]) <= 930
    assert login(api, REMOTE_ADDR=ELSEWHERE).status_code == 200


def test_known_and_unknown_accounts_are_throttled_alike(api, user):
    codes = {name: [login(api, name, "a wrong password").status_code for _ in range(7)] for name in ("owner", "nobody")}
    assert codes["owner"] == codes["nobody"] == [401] * 5 + [429] * 2


def test_a_throttled_attempt_hashes_nothing(api, user):
    for _ in range(5):
        login(api, password="a wrong password")
    with counted_hashing() as hashed:
        login(api, password="a wrong password")
    assert not hashed


def test_strangers_cannot_lock_the_owner_out_of_an_address_the_owner_has_used(api, user):
    assert login(api, REMOTE_ADDR=HERE).status_code == 200
    for number in range(1, 51):
        assert login(api, password="a wrong password", REMOTE_ADDR=f"203.0.113.{number}").status_code == 401
    assert login(api, REMOTE_ADDR="203.0.113.99").status_code == 429
    assert login(api, REMOTE_ADDR=HERE).status_code == 200


def test_a_client_cannot_invent_addresses_to_get_round_the_limit(api, user):
    codes = [
        login(api, password="a wrong password", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}").status_code for number in range(1, 8)
    ]
    assert codes == [401] * 5 + [429] * 2


def test_behind_one_trusted_proxy_the_address_it_saw_is_the_one_that_counts(api, user, settings):
    settings.TRUSTED_PROXY_COUNT = 1
    for number in range(1, 7):
        response = login(api, password="a wrong password", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, {ELSEWHERE}")
    assert response.status_code == 429
    assert login(api, HTTP_X_FORWARDED_FOR=HERE).status_code == 200


def test_sign_ins_are_limited_per_address_right_or_wrong(api, user, settings):
    settings.LIMIT_SENSITIVE = "3/60"
    gate.sensitive_policy.cache_clear()
    try:
        codes = [login(api).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        assert login(api, REMOTE_ADDR=ELSEWHERE).status_code == 200
    finally:
        gate.sensitive_policy.cache_clear()


def test_a_key_or_token_sent_along_is_checked_but_gives_no_other_rights(api, user, other):
    caller = api.as_key(make_key(other).raw)
    assert login(caller).json()["data"]["user"]["id"] == str(user.pk)
    response = login(api, HTTP_AUTHORIZATION="Bearer nonsense")
    assert error_of(response) == (401, "invalid_token")


def test_an_idempotency_key_does_not_make_tokens_be_kept(api, user):
    first = login(api, HTTP_IDEMPOTENCY_KEY="same")
    second = login(api, HTTP_IDEMPOTENCY_KEY="same")
    assert first.json()["data"]["refresh"] != second.json()["data"]["refresh"]
    assert "Idempotency-Replayed" not in second
