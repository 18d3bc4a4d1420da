"""Who signs in, what a session remembers of it, and who is kept out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import AuditEntry
from users import tokens
from users.exceptions import InvalidCredentials
from users.models import OutgoingMail, Session
from users.services import sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import HERE, fail, last_entry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_a_request")]


@pytest.mark.parametrize("name", ["owner", "OWNER", "owner@example.com", "Owner@Example.com"])
def test_a_person_signs_in_by_name_or_address_whatever_the_case(person, name):
    result = sessions.sign_in(username=name, password=PASSWORD)
    assert result.user == person
    assert tokens.read_access(result.tokens.access).session_id == result.session.pk


def test_a_session_remembers_where_it_came_from_and_not_its_token(person):
    result = sessions.sign_in(username="owner", password=PASSWORD)
    session = Session.objects.get()
    assert (session.ip_address, session.user_agent) == (HERE, "Browser/1")
    jti = tokens.read_refresh(result.tokens.refresh).jti
    assert bytes(session.refresh_digest) == tokens.jti_digest(jti)
    assert session.previous_digest is None


def test_signing_in_is_written_down(person):
    sessions.sign_in(username="owner", password=PASSWORD)
    entry = last_entry("session.created")
    assert (entry.actor_id, entry.ip_address, entry.request_id) == (person.pk, HERE, "test-request")
    person.refresh_from_db()
    assert timezone.now() - person.last_login < timedelta(seconds=5)


def test_a_refused_sign_in_leaves_no_session_and_no_entry(person):
    assert isinstance(fail(), InvalidCredentials)
    assert not Session.objects.exists()
    assert not AuditEntry.objects.exists()
    person.refresh_from_db()
    assert person.last_login is None


def test_guests_and_inactive_accounts_cannot_sign_in_with_a_password():
    make_user(username="gone", is_active=False)
    guest = make_guest(username="visitor")
    guest.set_password(PASSWORD)
    guest.save()
    assert isinstance(fail("gone", PASSWORD), InvalidCredentials)
    assert isinstance(fail("visitor", PASSWORD), InvalidCredentials)


def test_an_unproven_address_keeps_its_account_out_and_gets_another_letter(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    user = make_user(username="fresh", email_verified_at=None)
    assert isinstance(fail("fresh", PASSWORD), InvalidCredentials)
    assert list(OutgoingMail.objects.values_list("kind", "user_id")) == [("email_verification", user.pk)]
    assert not Session.objects.exists()


def test_a_stranger_with_the_wrong_password_cannot_make_that_letter_go_out(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    make_user(username="fresh", email_verified_at=None)
    fail("fresh")
    assert not OutgoingMail.objects.exists()


def test_an_unproven_address_may_sign_in_where_proof_is_optional(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "optional"
    make_user(username="fresh", email_verified_at=None)
    assert sessions.sign_in(username="fresh", password=PASSWORD).user.username == "fresh"


def test_the_letters_an_unproven_account_gets_by_signing_in_are_limited(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    make_user(username="fresh", email_verified_at=None)
    for number in range(8):
        fail("fresh", PASSWORD, address=f"192.0.2.{number + 1}")
    assert OutgoingMail.objects.count() == 5
