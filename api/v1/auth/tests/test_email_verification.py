"""POST /api/v1/auth/email-verification/ and /api/v1/auth/email-verification/confirm/"""

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from users import mailing
from users.services import accounts
from users.tests.factories import make_guest, make_user
from users.tests.support import actions, fields_of, verification_token_of_letter

pytestmark = pytest.mark.django_db
URL = "/api/v1/auth/email-verification/"
CONFIRM = f"{URL}confirm/"


@pytest.fixture
def waiting(db):
    return make_user(username="waiting", email_verified_at=None)


@pytest.fixture
def ask(api, django_capture_on_commit_callbacks):
    def call(email="waiting@example.com", **http):
        with django_capture_on_commit_callbacks(execute=True):
            return api.post(URL, {"email": email}, **http)

    return call


def test_from_the_letter_to_a_proven_address(api, waiting, ask):
    assert ask().status_code == 202
    token = verification_token_of_letter()
    for _ in range(2):
        assert api.post(CONFIRM, {"token": token}).status_code == 204
    waiting.refresh_from_db()
    assert waiting.email_verified_at
    assert actions().count("user.email_verified") == 1


def test_waiting_proven_unknown_inactive_and_guest_addresses_are_answered_alike(user, waiting, ask):
    make_user(username="inactive", email_verified_at=None, is_active=False)
    make_guest(email="guest@example.com")
    answers = {
        (response.status_code, response.content)
        for name in ("waiting", "owner", "nobody", "inactive", "guest")
        for response in [ask(f"{name}@example.com", HTTP_X_REQUEST_ID="same")]
    }
    assert len(answers) == 1
    assert [letter.to for letter in mail.outbox] == [["waiting@example.com"]]


def test_waiting_proven_and_unknown_addresses_take_the_same_work(api, user, waiting, django_capture_on_commit_callbacks):
    work = []
    for email in ("waiting@example.com", "owner@example.com", "nobody@example.com"):
        with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks() as rings:
            api.post(URL, {"email": email})
        work.append(([query["sql"].split()[0] for query in queries], len(rings)))
    assert work[0] == work[1] == work[2]
    assert work[0][1] == 1


def test_no_more_than_five_letters_an_hour(waiting, ask):
    assert {ask().status_code for _ in range(7)} == {202}
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("token", ["nonsense", "a:b:c", "é", ":"])
def test_a_token_that_is_none_proves_nothing(api, waiting, token):
    assert fields_of(api.post(CONFIRM, {"token": token})) == {"token": "invalid_link"}
    waiting.refresh_from_db()
    assert waiting.email_verified_at is None


@pytest.mark.parametrize(("body", "code"), [({}, "required"), ({"token": "x" * 1025}, "max_length"), ({"token": None}, "null")])
def test_a_body_without_a_token_is_refused_by_field(api, body, code):
    assert fields_of(api.post(CONFIRM, body)) == {"token": code}


def test_the_token_of_an_address_that_changed_proves_nothing(api, waiting, admin):
    token = mailing.verification_token(waiting)
    accounts.update_user(user=waiting, actor=admin, email="moved@example.com")
    assert fields_of(api.post(CONFIRM, {"token": token})) == {"token": "invalid_link"}


@pytest.mark.parametrize("email", ["nonsense", "", None, ["a@example.com"]])
def test_what_is_no_address_is_refused_by_field(api, email):
    assert set(fields_of(api.post(URL, {"email": email}))) == {"email"}
