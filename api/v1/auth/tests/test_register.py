"""POST /api/v1/auth/register/"""

import pytest
from django.core import mail

from core.models import AuditEntry
from users.models import User
from users.tests.factories import PASSWORD, make_user
from users.tests.support import counted_hashing, error_of, fields_of, subjects, verification_token_of_letter

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/register/"


@pytest.fixture
def register(api, django_capture_on_commit_callbacks):
    def call(http=None, **fields):
        body = {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD, **fields}
        with django_capture_on_commit_callbacks(execute=True):
            return api.post(URL, body, **(http or {}))

    return call


def test_from_registration_to_the_first_sign_in(api, register, settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    assert register(display_name="The New One").status_code == 202
    login = {"username": "newcomer", "password": PASSWORD}
    assert api.post("/api/v1/auth/login/", login).status_code == 401
    token = verification_token_of_letter()
    assert api.post("/api/v1/auth/email-verification/confirm/", {"token": token}).status_code == 204
    data = api.post("/api/v1/auth/login/", login).json()["data"]
    assert data["user"]["username"] == "newcomer"
    me = api.get("/api/v1/auth/me/", HTTP_AUTHORIZATION=f"Bearer {data['access']}").json()["data"]
    assert me["profile"]["display_name"] == "The New One"
    assert me["email_verified_at"]


def test_new_taken_name_and_taken_address_are_answered_alike_at_the_same_cost(register):
    make_user(username="owner", email="owner@example.com")
    answers = set()
    for fields in ({}, {"username": "OWNER", "email": "x@example.com"}, {"email": "Owner@example.com"}):
        with counted_hashing() as hashed:
            response = register(http={"HTTP_X_REQUEST_ID": "same"}, **fields)
        assert len(hashed) == 1
        answers.add((response.status_code, response.content))
    assert len(answers) == 1
    assert response.status_code == 202
    assert sorted(subjects()) == ["Choose another username", "Confirm your email address", "You already have an account"]
    assert User.objects.count() == 2


def test_nobody_makes_themselves_an_administrator(register):
    register(is_staff=True, is_superuser=True, is_active=False, email_verified_at="2020-01-01T00:00:00Z", max_messages_per_day=9)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active, user.email_verified_at) == (False, False, True, None)
    assert user.max_messages_per_day == 1000


def test_a_registration_is_written_down_with_its_address(register):
    register(http={"REMOTE_ADDR": "203.0.113.5", "HTTP_X_REQUEST_ID": "reg-1"})
    entry = AuditEntry.objects.get(action="user.registered")
    assert (entry.ip_address, entry.request_id, entry.target_label) == ("203.0.113.5", "reg-1", "newcomer")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": "a@b"}, {"username": "invalid_username"}),
        ({"username": ""}, {"username": "blank"}),
        ({"username": "x" * 151}, {"username": "max_length"}),
        ({"username": "nul\x00"}, {"username": "null_characters_not_allowed"}),
        ({"username": "ünïcode"}, {"username": "invalid_username"}),
        ({"email": "nonsense"}, {"email": "invalid"}),
        ({"email": "x" * 250 + "@example.com"}, {"email": "max_length"}),
        ({"email": "a@example.com\nBcc: b@example.com"}, {"email": "invalid"}),
        ({"password": "s3ven!Q"}, {"password": "password_too_short"}),
        ({"password": "password"}, {"password": "password_too_common"}),
        ({"password": "x" * 129}, {"password": "max_length"}),
        ({"password": "correct\x00horse"}, {"password": "null_characters_not_allowed"}),
        ({"password": None}, {"password": "null"}),
        ({"display_name": "Ad\u200dmin"}, {"display_name": "hidden_characters"}),
        ({"display_name": "x" * 101}, {"display_name": "max_length"}),
        ({"display_name": 5.5, "email": 7}, {"email": "invalid"}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_field_is_named_and_nothing_is_made_or_sent(register, fields, wrong):
    assert set(wrong.items()) <= set(fields_of(register(**fields)).items())
    assert not User.objects.exists()
    assert not mail.outbox


def test_passwords_of_eight_and_of_128_characters_are_taken(register):
    assert register(password="8 chars!").status_code == 202
    assert register(username="second", email="second@example.com", password="x" * 64 + "y" * 64).status_code == 202


def test_a_taken_name_with_a_bad_password_is_refused_for_the_password_alone(register):
    make_user(username="newcomer")
    assert fields_of(register(password="short")) == {"password": "password_too_short"}


def test_where_registration_is_closed_it_says_so(register, settings):
    settings.REGISTRATION_ENABLED = False
    assert error_of(register()) == (403, "registration_closed")
    assert not User.objects.exists()


def test_the_same_request_sent_twice_with_an_idempotency_key_sends_one_letter(register):
    http = {"HTTP_IDEMPOTENCY_KEY": "first-try"}
    assert register(http).status_code == 202
    again = register(http)
    assert (again.status_code, again["Idempotency-Replayed"]) == (202, "true")
    assert subjects() == ["Confirm your email address"]


def test_an_idempotency_key_is_no_way_to_learn_of_an_account_either(register):
    make_user(username="owner", email="owner@example.com")
    first = register({"HTTP_IDEMPOTENCY_KEY": "k1", "HTTP_X_REQUEST_ID": "same"}, email="owner@example.com")
    second = register({"HTTP_IDEMPOTENCY_KEY": "k2", "HTTP_X_REQUEST_ID": "same"})
    assert first.content == second.content
