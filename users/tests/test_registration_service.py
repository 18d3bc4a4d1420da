"""Registration and the proof of an address, below HTTP: what is made, what is told by letter, what nobody learns."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core import mail, signing
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.exceptions import DomainError, Invalid
from core.models import AuditEntry
from users import mailing
from users.exceptions import InvalidLink, RegistrationClosed
from users.models import OutgoingMail, User, UserProfile
from users.services import accounts, registration
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import actions, counted_hashing, subjects, verification_token_of_letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Call something and let what waits for the commit happen."""

    def run(function, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(**kwargs)

    return run


def new(**fields):
    return {"username": "newcomer", "email": "newcomer@example.com", "password": PASSWORD, **fields}


def test_an_account_is_made_that_waits_for_its_proof(sent):
    sent(registration.register, **new(email=" Newcomer@Example.COM ", display_name="The New One"))
    user = User.objects.get()
    assert (user.username, user.email, user.email_verified_at) == ("newcomer", "newcomer@example.com", None)
    assert user.check_password(PASSWORD)
    assert (user.is_staff, user.is_superuser, user.is_guest, user.is_active) == (False, False, False, True)
    assert user.profile.display_name == "The New One"
    assert subjects() == ["Confirm your email address"]
    assert mail.outbox[0].to == ["newcomer@example.com"]
    assert actions() == ["user.registered"]


def test_a_taken_address_is_told_to_its_owner_by_letter_and_changes_nothing(sent):
    owner = make_user(username="owner", email="owner@example.com")
    sent(registration.register, **new(email="OWNER@example.com"))
    assert User.objects.get() == owner
    assert subjects() == ["You already have an account"]
    assert mail.outbox[0].to == ["owner@example.com"]
    assert not AuditEntry.objects.exists()


def test_a_taken_name_is_told_by_letter_only(sent):
    make_user(username="newcomer", email="first@example.com")
    sent(registration.register, **new(username="NewComer"))
    assert User.objects.count() == 1
    assert subjects() == ["Choose another username"]
    assert mail.outbox[0].to == ["newcomer@example.com"]


def test_whatever_comes_of_it_one_password_is_hashed_and_one_letter_is_written(sent):
    make_user(username="owner", email="owner@example.com")
    for fields in ({}, {"email": "owner@example.com"}, {"username": "owner", "email": "third@example.com"}):
        before = OutgoingMail.objects.count()
        with counted_hashing() as hashed:
            sent(registration.register, **new(**fields))
        assert len(hashed) == 1
        assert OutgoingMail.objects.count() == before + 1


def test_closed_means_closed(settings):
    settings.REGISTRATION_ENABLED = False
    with pytest.raises(RegistrationClosed):
        registration.register(**new())
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["short", "12345678", "x" * 129])
def test_a_bad_password_is_refused_before_anyone_is_looked_up(password, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(Invalid) as caught:
        registration.register(**new(password=password))
    assert {item.field for item in caught.value.details} == {"password"}


@pytest.mark.parametrize("fields", [{"username": "a@b"}, {"email": "nonsense"}, {"username": ""}])
def test_what_is_wrong_in_itself_is_refused(fields):
    with pytest.raises(ValidationError):
        registration.register(**new(**fields))
    assert not User.objects.exists()


def test_an_address_can_be_made_to_get_five_letters_an_hour_and_no_more(sent):
    for number in range(8):
        sent(registration.register, **new(username=f"newcomer{number}"))
    assert len(mail.outbox) == 5
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("winner", "subject"),
    [
        ({"username": "faster", "email": "newcomer@example.com"}, "You already have an account"),
        ({"username": "Newcomer", "email": "faster@example.com"}, "Choose another username"),
    ],
)
def test_of_two_registrations_at_once_one_is_made_and_the_other_is_told_by_letter(winner, subject):
    written, errors = threading.Event(), []

    def slower():
        written.wait(5)
        try:
            # The winner's row is not committed yet: nothing is found, and the INSERT waits for it.
            registration.register(**new())
        except (DomainError, ValidationError, DatabaseError) as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=slower)
    thread.start()
    with transaction.atomic():
        make_user(**winner)
        written.set()
        thread.join(0.4)
        assert thread.is_alive()
    thread.join(5)
    assert not errors
    assert User.objects.count() == 1
    assert UserProfile.objects.count() == 1
    assert subjects() == [subject]


@pytest.mark.parametrize(
    ("winner", "subject"),
    [
        ({"username": "faster", "email": "newcomer@example.com"}, "You already have an account"),
        ({"username": "Newcomer", "email": "faster@example.com"}, "Choose another username"),
    ],
)
def test_a_name_taken_just_after_the_look_up_is_told_by_letter_too(sent, monkeypatch, winner, subject):
    create = registration._create

    def overtaken(*args, **kwargs):
        make_user(**winner)
        create(*args, **kwargs)

    monkeypatch.setattr(registration, "_create", overtaken)
    sent(registration.register, **new())
    assert User.objects.count() == 1
    assert subjects() == [subject]


def test_beyond_the_letters_an_address_may_get_an_account_is_still_made_and_gets_its_letter_later(sent):
    make_user(username="newcomer", email="first@example.com")
    for _ in range(5):
        sent(registration.register, **new())
    sent(registration.register, **new(username="second"))
    assert User.objects.filter(username="second").exists()
    assert subjects() == ["Choose another username"] * 5


# The proof


def test_the_token_of_the_letter_proves_the_address_once_and_again(sent):
    sent(registration.register, **new())
    token = verification_token_of_letter()
    assert registration.confirm_email(token=token).email_verified_at is not None
    first = User.objects.get().email_verified_at
    assert registration.confirm_email(token=token).email_verified_at == first
    assert actions().count("user.email_verified") == 1


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c", ":::", "é"])
def test_nonsense_proves_nothing(token):
    with pytest.raises(InvalidLink):
        registration.confirm_email(token=token)


def test_a_proof_that_was_altered_or_signed_for_something_else_proves_nothing():
    user = make_user(email_verified_at=None)
    good = mailing.verification_token(user)
    claim = {"user": str(user.pk), "email": user.email}
    for token in (good[:-1] + ("A" if good[-1] != "A" else "B"), "x" + good, signing.dumps(claim, salt="another.purpose")):
        with pytest.raises(InvalidLink):
            registration.confirm_email(token=token)
    user.refresh_from_db()
    assert user.email_verified_at is None


def test_a_proof_works_for_three_days(settings):
    user = make_user(email_verified_at=None)
    token = mailing.verification_token(user)
    life = timedelta(seconds=settings.EMAIL_VERIFICATION_TIMEOUT)
    now = timezone.now()
    with time_machine.travel(now + life + timedelta(seconds=5)), pytest.raises(InvalidLink):
        registration.confirm_email(token=token)
    with time_machine.travel(now + life - timedelta(seconds=5)):
        assert registration.confirm_email(token=token)


def test_a_proof_is_for_the_address_it_was_sent_to():
    user = make_user(email_verified_at=None)
    token = mailing.verification_token(user)
    accounts.update_user(user=user, actor=make_user(is_staff=True), email="another@example.com")
    with pytest.raises(InvalidLink):
        registration.confirm_email(token=token)


def test_an_inactive_account_proves_nothing():
    user = make_user(email_verified_at=None, is_active=False)
    with pytest.raises(InvalidLink):
        registration.confirm_email(token=mailing.verification_token(user))


# Asking again


def test_an_account_that_waits_gets_the_letter_again(sent):
    user = make_user(email="waiting@example.com", email_verified_at=None)
    sent(registration.ask_for_verification, email=" WAITING@example.com")
    assert mail.outbox[0].to == [user.email]
    assert registration.confirm_email(token=verification_token_of_letter()) == user


@pytest.mark.parametrize("who", ["proven", "inactive", "guest", "nobody"])
def test_everybody_else_gets_no_letter_though_the_same_work_is_done(sent, who):
    make_user(email="proven@example.com")
    make_user(email="inactive@example.com", email_verified_at=None, is_active=False)
    make_guest(email="guest@example.com")
    written = []
    original = OutgoingMail.objects.create

    def create(**fields):
        written.append(fields["to"])
        return original(**fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutgoingMail.objects, "create", create)
        sent(registration.ask_for_verification, email=f"{who}@example.com")
    assert written == [f"{who}@example.com"]
    assert not mail.outbox
    assert not OutgoingMail.objects.exists()


def test_asking_again_is_limited_to_five_letters_an_hour(sent):
    make_user(email="waiting@example.com", email_verified_at=None)
    for _ in range(7):
        sent(registration.ask_for_verification, email="waiting@example.com")
    assert len(mail.outbox) == 5
