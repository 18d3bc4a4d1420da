"""Sign-in by name or address: who passes, and that a refusal costs the same whoever was asked for."""

import pytest
from django.contrib.auth import authenticate

from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import counted_hashing

pytestmark = pytest.mark.django_db


def attempt(username, password=PASSWORD):
    return authenticate(None, username=username, password=password)


def test_name_and_address_and_their_case_all_lead_to_the_account():
    user = make_user(username="Mira", email="mira@example.com")
    assert {attempt(name) for name in ("Mira", "mira", "mira@example.com", "MIRA@EXAMPLE.COM")} == {user}


def test_a_wrong_password_leads_nowhere():
    make_user(username="mira")
    assert attempt("mira", "Correct horse battery") is None
    assert attempt("mira", PASSWORD + " ") is None


@pytest.mark.parametrize("name", [None, ""])
def test_no_name_leads_nowhere(name):
    assert attempt(name) is None
    assert attempt("someone", None) is None


def test_an_overlong_password_is_refused_before_it_is_hashed():
    make_user(username="mira")
    with counted_hashing() as hashed:
        assert attempt("mira", "x" * 129) is None
        assert attempt("nobody", "x" * 129) is None
    assert not hashed


@pytest.mark.parametrize("name", ["known", "unknown", "inactive", "guest", "unproven"])
def test_every_refusal_hashes_exactly_one_password(name):
    make_user(username="known")
    make_user(username="inactive", is_active=False)
    make_user(username="unproven", email_verified_at=None)
    make_guest(username="guest")
    with counted_hashing() as hashed:
        assert attempt(name, "a wrong password") is None
    assert hashed == ["a wrong password"]


def test_an_inactive_account_is_refused_with_the_right_password_too():
    make_user(username="inactive", is_active=False)
    with counted_hashing() as hashed:
        assert attempt("inactive") is None
    assert len(hashed) == 1
