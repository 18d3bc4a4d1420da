"""Guests, below HTTP: invitations, what a guest is bound to, its end, and becoming an account."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail, signing
from django.utils import timezone

from core.exceptions import Invalid
from core.models import AuditEntry
from users import mailing, selectors, tokens
from users.exceptions import GuestsClosed, InvalidLink, InvalidToken, NotAGuest
from users.models import Session, User
from users.services import guests, registration, sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import last_entry, subjects, verification_token_of_letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief():
    return make_user(username="chief", is_staff=True)


@pytest.fixture
def invitation(chief):
    return guests.issue_invitation(resource="room:42", lifetime=timedelta(hours=1), actor=chief)


def test_an_invitation_makes_a_guest_bound_to_what_it_names(invitation, settings):
    result = guests.enter_as_guest(invitation=invitation, display_name="Visitor")
    user = User.objects.get(pk=result.user.pk)
    assert (user.is_guest, user.guest_resource, user.email, user.is_staff) == (True, "room:42", None, False)
    assert user.profile.display_name == "Visitor"
    assert not user.has_usable_password()
    assert abs(user.guest_expires_at - timezone.now() - settings.GUEST_LIFETIME) < timedelta(seconds=5)
    assert result.session.expires_at == user.guest_expires_at
    principal = selectors.session_outcome(tokens.read_access(result.tokens.access))
    assert principal.is_guest


def test_an_invitation_serves_many_guests_each_with_a_name_of_its_own(invitation):
    names = {guests.enter_as_guest(invitation=invitation, display_name="Visitor").user.username for _ in range(3)}
    assert len(names) == 3


def test_inviting_and_entering_are_written_down(invitation, chief):
    entry = last_entry("guest.invited")
    assert (entry.actor_id, entry.target_id) == (chief.pk, "room:42")
    assert invitation not in str(entry.__dict__)
    user = guests.enter_as_guest(invitation=invitation, display_name="Visitor").user
    assert last_entry("guest.entered").actor_id == user.pk


def test_an_invitation_ends_when_it_says(invitation):
    now = timezone.now()
    with time_machine.travel(now + timedelta(minutes=59)):
        assert guests.enter_as_guest(invitation=invitation, display_name="Early")
    with time_machine.travel(now + timedelta(minutes=61)), pytest.raises(InvalidLink) as caught:
        guests.enter_as_guest(invitation=invitation, display_name="Late")
    assert caught.value.details[0].field == "invitation"
    assert User.objects.filter(is_guest=True).count() == 1


def test_a_forged_invitation_lets_nobody_in(invitation):
    claim = {"resource": "room:1", "until": timezone.now().timestamp() + 1000}
    forged = [
        "",
        "nonsense",
        "a:b:c",
        invitation[:-1] + ("A" if invitation[-1] != "A" else "B"),
        signing.dumps(claim, salt=guests.INVITATION_SALT, key="another secret"),
        signing.dumps(claim, salt="another.purpose"),
        mailing.verification_token(make_user()),
    ]
    for token in forged:
        with pytest.raises(InvalidLink):
            guests.enter_as_guest(invitation=token, display_name="Intruder")
    assert not User.objects.filter(is_guest=True).exists()


def test_where_guests_are_not_accepted_a_good_invitation_does_not_help(invitation, settings):
    settings.GUESTS_ENABLED = False
    with pytest.raises(GuestsClosed):
        guests.enter_as_guest(invitation=invitation, display_name="Visitor")


@pytest.mark.parametrize(
    "resource", ["", "room", "room:", ":1", "Room:1", "room:a b", "room:1\n", "room:" + "x" * 151, "ro om:1"]
)
def test_an_invitation_names_a_kind_and_an_id(chief, resource):
    with pytest.raises(Invalid) as caught:
        guests.issue_invitation(resource=resource, lifetime=timedelta(hours=1), actor=chief)
    assert caught.value.details[0].field == "resource"
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=59), timedelta(days=30, seconds=1), timedelta(days=-1)])
def test_an_invitation_lasts_from_a_minute_to_thirty_days(chief, lifetime):
    with pytest.raises(Invalid):
        guests.issue_invitation(resource="room:1", lifetime=lifetime, actor=chief)


def test_the_longest_resource_that_may_be_invited_to_can_be_entered(chief):
    resource = "k" * 40 + ":" + "x" * 150
    invitation = guests.issue_invitation(resource=resource, lifetime=timedelta(days=30), actor=chief)
    assert guests.enter_as_guest(invitation=invitation, display_name="Visitor").user.guest_resource == resource


# Becoming an account


def upgrade(user, **fields):
    return guests.upgrade_guest(
        user=user, **{"username": "settled", "email": "settled@example.com", "password": PASSWORD, **fields}
    )


def test_an_upgrade_keeps_the_id_and_the_profile_and_drops_the_bounds(invitation):
    guest = guests.enter_as_guest(invitation=invitation, display_name="Visitor").user
    user = User.objects.get(pk=upgrade(guest, email="Settled@Example.com").user.pk)
    assert user.pk == guest.pk
    assert user.profile.display_name == "Visitor"
    assert (user.is_guest, user.guest_resource, user.guest_expires_at) == (False, "", None)
    assert (user.username, user.email, user.email_verified_at) == ("settled", "settled@example.com", None)


def test_an_upgrade_ends_the_guests_sessions_and_opens_a_lasting_one(invitation, settings):
    entered = guests.enter_as_guest(invitation=invitation, display_name="Visitor")
    result = upgrade(entered.user)
    with pytest.raises(InvalidToken):
        sessions.refresh_session(token=entered.tokens.refresh)
    assert [session.pk for session in Session.objects.active()] == [result.session.pk]
    assert result.session.expires_at - timezone.now() > settings.GUEST_LIFETIME
    assert sessions.refresh_session(token=result.tokens.refresh)


def test_the_new_accounts_address_is_proven_by_letter(invitation, settings, django_capture_on_commit_callbacks):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    guest = guests.enter_as_guest(invitation=invitation, display_name="Visitor").user
    with django_capture_on_commit_callbacks(execute=True):
        upgrade(guest)
    assert subjects() == ["Confirm your email address"]
    assert mail.outbox[0].to == ["settled@example.com"]
    registration.confirm_email(token=verification_token_of_letter())
    assert sessions.sign_in(username="settled", password=PASSWORD).user == guest


def test_a_taken_name_and_a_taken_address_are_refused_in_the_same_words():
    make_user(username="taken", email="taken@example.com")
    guest = make_guest()
    refusals = []
    for fields in ({"username": "TAKEN"}, {"email": "Taken@example.com"}, {"username": "taken", "email": "taken@example.com"}):
        with pytest.raises(Invalid) as caught:
            upgrade(guest, **fields)
        refusals.append((caught.value.stable_code, caught.value.message, caught.value.details))
    assert len(set(refusals)) == 1
    guest.refresh_from_db()
    assert guest.is_guest
    assert not AuditEntry.objects.filter(action="guest.upgraded").exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"password": "short"}, "password"), ({"username": "a@b"}, "username"), ({"email": "nonsense"}, "email")],
)
def test_a_refused_upgrade_leaves_a_guest_with_its_session(fields, field):
    guest = make_guest()
    token = sessions.open_session(user=guest).tokens.refresh
    with pytest.raises(Invalid) as caught:
        upgrade(guest, **fields)
    assert caught.value.details[0].field == field
    guest.refresh_from_db()
    assert guest.is_guest
    assert guest.username != "settled"
    assert sessions.refresh_session(token=token)


def test_an_account_cannot_be_upgraded_again():
    user = make_user()
    with pytest.raises(NotAGuest):
        upgrade(user)
    user.refresh_from_db()
    assert user.username != "settled"
