"""Changing and resetting passwords, below HTTP."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from core.exceptions import Invalid, LimitExceeded
from core.models import AuditEntry
from users.exceptions import InvalidLink
from users.models import OutgoingMail, Session
from users.services import accounts, passwords, sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import actions, counted_hashing, last_entry, reset_token, subjects

pytestmark = pytest.mark.django_db
NEW = "another fine password"


@pytest.fixture
def person():
    return make_user(username="owner", email="owner@example.com")


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Call something and let what waits for the commit happen."""

    def run(function, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(**kwargs)

    return run


@pytest.fixture
def token(person, sent):
    """The token of a reset letter to the person."""
    sent(passwords.ask_for_reset, email=person.email)
    return reset_token()


def test_a_change_ends_every_session_and_opens_one_for_the_caller(person, sent):
    old = [sessions.open_session(user=person).session.pk for _ in range(2)]
    result = sent(passwords.change_password, user=person, current=PASSWORD, new=NEW)
    assert [session.pk for session in Session.objects.active()] == [result.session.pk]
    assert set(Session.objects.filter(pk__in=old).values_list("revoked_reason", flat=True)) == {"password"}
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert sessions.refresh_session(token=result.tokens.refresh)


def test_a_change_is_written_down_and_told_by_letter(person, sent):
    sent(passwords.change_password, user=person, current=PASSWORD, new=NEW)
    entry = last_entry("user.password_changed")
    assert (entry.actor_id, entry.changes) == (person.pk, {})
    assert subjects() == ["Your password was changed"]
    assert mail.outbox[0].to == ["owner@example.com"]
    assert NEW not in mail.outbox[0].body


@pytest.mark.parametrize(
    ("current", "new", "wrong"),
    [
        ("not my password", NEW, {"current_password": "wrong_password"}),
        (PASSWORD, "short", {"new_password": "password_too_short"}),
        (PASSWORD, "password", {"new_password": "password_too_common"}),
    ],
)
def test_a_refused_change_changes_nothing(person, current, new, wrong):
    session = sessions.open_session(user=person).session
    entries = AuditEntry.objects.count()
    with pytest.raises(Invalid) as caught:
        passwords.change_password(user=person, current=current, new=new)
    assert {item.field: item.code for item in caught.value.details} == wrong
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    session.refresh_from_db()
    assert session.is_active
    assert AuditEntry.objects.count() == entries
    assert not OutgoingMail.objects.exists()


def test_guesses_at_the_current_password_are_limited(person):
    for _ in range(5):
        with pytest.raises(Invalid):
            passwords.change_password(user=person, current="a wrong guess", new=NEW)
    with pytest.raises(LimitExceeded):
        passwords.change_password(user=person, current=PASSWORD, new=NEW)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_a_reset_letter_goes_to_the_address_of_the_account(person, sent):
    sent(passwords.ask_for_reset, email=" OWNER@Example.com ")
    assert subjects() == ["Reset your password"]
    assert mail.outbox[0].to == ["owner@example.com"]
    assert f"uid: {person.pk}" in mail.outbox[0].body


@pytest.mark.parametrize("who", ["inactive", "guest", "nobody"])
def test_who_cannot_reset_gets_no_letter_though_the_same_work_is_done(sent, who):
    make_user(email="inactive@example.com", is_active=False)
    make_guest(email="guest@example.com")
    written = []
    original = OutgoingMail.objects.create

    def create(**fields):
        written.append(fields["to"])
        return original(**fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OutgoingMail.objects, "create", create)
        with counted_hashing() as hashed:
            sent(passwords.ask_for_reset, email=f"{who}@example.com")
    assert written == [f"{who}@example.com"]
    assert not hashed
    assert not mail.outbox
    assert not OutgoingMail.objects.exists()


def test_an_account_can_be_made_to_get_five_reset_letters_an_hour(person, sent):
    for _ in range(8):
        sent(passwords.ask_for_reset, email=person.email)
    assert len(mail.outbox) == 5


def test_the_token_sets_a_new_password_and_ends_every_session(person, token, sent):
    sessions.open_session(user=person)
    sent(passwords.confirm_reset, uid=person.pk, token=token, new=NEW)
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert not Session.objects.active().exists()
    assert actions()[-1] == "user.password_changed"
    assert subjects()[-1] == "Your password was changed"


def test_the_token_works_once(person, token):
    passwords.confirm_reset(uid=person.pk, token=token, new=NEW)
    with pytest.raises(InvalidLink):
        passwords.confirm_reset(uid=person.pk, token=token, new="a third fine password")
    person.refresh_from_db()
    assert person.check_password(NEW)


def test_a_refused_new_password_does_not_use_up_the_token(person, token):
    with pytest.raises(Invalid) as caught:
        passwords.confirm_reset(uid=person.pk, token=token, new="short")
    assert {item.field for item in caught.value.details} == {"new_password"}
    passwords.confirm_reset(uid=person.pk, token=token, new=NEW)


def test_the_token_works_for_an_hour(person, token, settings):
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 5)), pytest.raises(InvalidLink):
        passwords.confirm_reset(uid=person.pk, token=token, new=NEW)
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT - 30)):
        passwords.confirm_reset(uid=person.pk, token=token, new=NEW)


def test_the_token_is_for_its_account_only(person, token):
    other = make_user()
    with pytest.raises(InvalidLink):
        passwords.confirm_reset(uid=other.pk, token=token, new=NEW)
    other.refresh_from_db()
    assert other.check_password(PASSWORD)


def test_a_token_from_before_the_password_or_address_changed_is_dead(person, token):
    accounts.update_user(user=person, actor=make_user(is_staff=True), email="moved@example.com")
    with pytest.raises(InvalidLink):
        passwords.confirm_reset(uid=person.pk, token=token, new=NEW)


def test_a_token_of_an_account_that_was_deactivated_is_dead(person, token):
    accounts.deactivate_user(user=person, actor=None)
    with pytest.raises(InvalidLink):
        passwords.confirm_reset(uid=person.pk, token=token, new=NEW)


def test_a_reset_proves_the_address(settings, sent):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    user = make_user(username="fresh", email_verified_at=None)
    sent(passwords.ask_for_reset, email=user.email)
    passwords.confirm_reset(uid=user.pk, token=reset_token(), new=NEW)
    assert sessions.sign_in(username="fresh", password=NEW)


def test_an_administrator_can_have_the_letter_sent(person, sent):
    chief = make_user(is_staff=True)
    sent(passwords.send_reset, user=person, actor=chief)
    assert subjects() == ["Reset your password"]
    assert last_entry("user.reset_sent").actor_id == chief.pk


def test_nobody_can_have_it_sent_to_a_guest():
    with pytest.raises(Invalid):
        passwords.send_reset(user=make_guest(), actor=make_user(is_staff=True))
    assert not OutgoingMail.objects.exists()
