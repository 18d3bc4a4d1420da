"""Accounts, profiles, sessions and letters as rows: what the database itself promises."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from users.models import OutgoingMail, Session, User, UserProfile
from users.services import sessions
from users.tests.factories import PASSWORD, make_guest, make_user

pytestmark = pytest.mark.django_db


def test_ids_are_version_7_uuids_so_that_newer_accounts_sort_later():
    older, newer = make_user(), make_user()
    assert older.pk.version == newer.pk.version == 7
    assert older.pk < newer.pk


@pytest.mark.parametrize("field", ["username", "email"])
def test_names_and_addresses_are_unique_whatever_the_case(field):
    make_user(username="Mira", email="mira@example.com")
    taken = {"username": "mIRA"} if field == "username" else {"email": "MIRA@example.com"}
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(**taken)


def test_the_database_refuses_an_account_without_an_address_unless_it_is_a_guest():
    make_guest(email=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email=None)


def test_many_guests_may_have_no_address():
    make_guest()
    make_guest()
    assert User.objects.filter(email=None).count() == 2


@pytest.mark.parametrize("name", ["", "a@b", ".dot", "-dash", "white space", "ünïcode", "line\nbreak", "trailing\n", "x" * 151])
def test_usernames_that_could_be_taken_for_something_else_are_invalid(name):
    user = User(username=name, email="someone@example.com")
    with pytest.raises(ValidationError) as caught:
        user.full_clean(exclude=["password"])
    assert "username" in caught.value.error_dict


@pytest.mark.parametrize("name", ["a", "0", "A.b-c_d+e", "x" * 150])
def test_ordinary_usernames_are_valid(name):
    User(username=name, email="someone@example.com").full_clean(exclude=["password"])


def test_an_empty_address_is_no_address():
    guest = make_guest()
    guest.email = ""
    guest.full_clean(exclude=["password"])
    assert guest.email is None


def test_a_person_is_found_by_name_or_address_whatever_the_case():
    user = make_user(username="Nils", email="nils@example.com")
    make_user()
    for identifier in ("nils", "NILS", "Nils@Example.COM"):
        assert list(User.objects.named(identifier)) == [user]
    assert not User.objects.named("nil").exists()


def test_staff_see_every_account_and_others_themselves():
    user, chief = make_user(), make_user(is_staff=True)
    assert list(User.objects.visible_to(user_id=user.pk, is_staff=False)) == [user]
    assert set(User.objects.visible_to(user_id=chief.pk, is_staff=True)) == {user, chief}


def test_a_guest_is_expired_from_its_end_on():
    now = timezone.now()
    assert make_guest(guest_expires_at=now - timedelta(seconds=1)).is_expired_guest
    assert not make_guest(guest_expires_at=now + timedelta(minutes=1)).is_expired_guest
    assert not make_user().is_expired_guest
    assert not make_guest(guest_expires_at=None).is_expired_guest


def test_a_session_is_active_until_it_is_revoked_or_runs_out():
    session = sessions.open_session(user=make_user()).session
    assert session.is_active
    assert list(Session.objects.active()) == [session]
    session.expires_at = timezone.now()
    assert not session.is_active
    session.expires_at, session.revoked_at = timezone.now() + timedelta(days=1), timezone.now()
    assert not session.is_active
    session.save()
    assert not Session.objects.active().exists()


def test_rows_have_readable_names_without_secrets():
    user = make_user(username="reader", email="reader@example.com")
    assert str(user.profile) == str(user.pk)
    user.profile.display_name = "Reader"
    assert str(user.profile) == "Reader"
    session = Session(user_agent="Firefox", ip_address="192.0.2.1")
    assert str(session) == "Firefox from 192.0.2.1"
    assert str(Session()) == "session from unknown"
    assert str(OutgoingMail(kind="password_reset", to="reader@example.com")) == "Password reset to reader@example.com"


def test_the_first_administrator_from_the_command_line_can_sign_in_and_has_a_profile(settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    chief = User.objects.create_superuser("chief", "chief@example.com", PASSWORD)
    assert (chief.is_staff, chief.is_superuser, chief.profile.locale) == (True, True, "en")
    assert sessions.sign_in(username="chief", password=PASSWORD).user == chief


def test_deleting_an_account_takes_its_profile_sessions_and_letters_along():
    user = make_user()
    sessions.open_session(user=user)
    OutgoingMail.objects.create(kind="password_reset", to=user.email, user=user)
    user.delete()
    assert not UserProfile.objects.exists()
    assert not Session.objects.exists()
    assert not OutgoingMail.objects.exists()
