"""What each service of accounts publishes: exactly this, last in its transaction; nothing when refused or rolled back."""

import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.exceptions import DomainError
from events.models import Event, Stream
from users import events, housekeeping, mailing
from users.choices import RevocationReason
from users.models import Session, User
from users.services import accounts, guests, passwords, profiles, registration, sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import picture

pytestmark = pytest.mark.django_db
NEW = "another fine password"


def told():
    """Types and payloads, in order; each on the stream of its account."""
    found = list(Event.objects.order_by("created_at", "id"))
    assert all(event.stream == f"user:{event.payload['user']}" for event in found)
    return [(event.type, {name: value for name, value in event.payload.items() if name != "user"}) for event in found]


def ended(reason, *open_sessions):
    return "session.revoked", {"sessions": [str(one.pk) for one in open_sessions], "count": len(open_sessions), "reason": reason}


def updated(*changed, username="person"):
    return "user.updated", {"username": username, "changed": list(changed)}


@pytest.fixture
def cast():
    """An administrator and a person with one session."""
    person = make_user(username="person")
    return SimpleNamespace(
        chief=make_user(username="chief", is_staff=True, is_superuser=True),
        person=person,
        session=sessions.open_session(user=person).session,
    )


NAMED = {"username": "person"}
ACTS = {
    "create": (
        lambda c: accounts.create_user(actor=c.chief, username="new", email="new@example.com", password=PASSWORD),
        lambda c: [("user.created", {"username": "new", "is_guest": False, "expires_at": None})],
    ),
    "create_superuser": (
        lambda c: User.objects.create_superuser("root", "root@example.com", PASSWORD),
        lambda c: [("user.created", {"username": "root", "is_guest": False, "expires_at": None})],
    ),
    "register": (
        lambda c: registration.register(username="new", email="new@example.com", password=PASSWORD),
        lambda c: [("user.created", {"username": "new", "is_guest": False, "expires_at": None})],
    ),
    "update": (
        lambda c: accounts.update_user(user=c.person, actor=c.chief, last_name="L", first_name="F", is_staff=False),
        lambda c: [updated("first_name", "last_name")],
    ),
    "update to the same": (lambda c: accounts.update_user(user=c.person, actor=c.chief, first_name=""), lambda c: []),
    "deactivate": (
        lambda c: accounts.deactivate_user(user=c.person, actor=c.chief),
        lambda c: [ended("deactivated", c.session), ("user.deactivated", NAMED)],
    ),
    "deactivate by update": (
        lambda c: accounts.update_user(user=c.person, actor=c.chief, is_active=False, first_name="F"),
        lambda c: [ended("deactivated", c.session), ("user.deactivated", NAMED), updated("first_name")],
    ),
    "activate an active one": (lambda c: accounts.activate_user(user=c.person, actor=c.chief), lambda c: []),
    "delete": (lambda c: accounts.delete_user(user=c.person, actor=c.chief), lambda c: [("user.deleted", NAMED)]),
    "profile": (
        lambda c: profiles.update_profile(user_id=c.person.pk, names={"first_name": "F"}, locale="de", time_zone="UTC"),
        lambda c: [updated("first_name", "locale")],
    ),
    "profile as it is": (lambda c: profiles.update_profile(user_id=c.person.pk, names={}, time_zone="UTC"), lambda c: []),
    "avatar": (
        lambda c: profiles.set_avatar(user_id=c.person.pk, upload=io.BytesIO(picture()), size=1000),
        lambda c: [updated("avatar")],
    ),
    "no avatar to remove": (lambda c: profiles.remove_avatar(user_id=c.person.pk), lambda c: []),
    "password": (
        lambda c: passwords.change_password(user=c.person, current=PASSWORD, new=NEW),
        lambda c: [ended("password", c.session), updated("password")],
    ),
    "password by form": (
        lambda c: passwords.replace_password(user=c.person, current=PASSWORD, new=NEW),
        lambda c: [ended("password", c.session), updated("password")],
    ),
    "reset": (
        lambda c: passwords.confirm_reset(uid=c.person.pk, token=default_token_generator.make_token(c.person), new=NEW),
        lambda c: [ended("password", c.session), updated("password")],
    ),
    "ask for a reset": (lambda c: passwords.ask_for_reset(email="person@example.com"), lambda c: []),
    "sign in": (lambda c: sessions.sign_in(username="person", password=PASSWORD), lambda c: []),
    "revoke": (
        lambda c: sessions.revoke_session(session=c.session, actor=c.chief, reason=RevocationReason.ADMIN),
        lambda c: [ended("admin", c.session)],
    ),
    "sign out": (
        lambda c: sessions.sign_out(session_id=c.session.pk, actor=c.person),
        lambda c: [ended("logout", c.session)],
    ),
    "revoke others": (
        lambda c: sessions.revoke_others(user=c.person, keep=None),
        lambda c: [ended("revoked", c.session)],
    ),
    "no others": (lambda c: sessions.revoke_others(user=c.person, keep=c.session.pk), lambda c: []),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_service_publishes_exactly_this(cast, name):
    act, expected = ACTS[name]
    act(cast)
    assert told() == expected(cast)


@pytest.mark.parametrize("name", ACTS)
def test_what_is_rolled_back_was_never_told(cast, name):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ACTS[name][0](cast)
        raise ZeroDivisionError
    assert not Event.objects.exists()
    assert not Stream.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_events_are_the_last_statements_so_the_streams_row_is_locked_for_a_moment_only(cast, name):
    with CaptureQueriesContext(connection) as queries:
        ACTS[name][0](cast)
    statements = [query["sql"].split() for query in queries]
    writes = [words for words in statements if words[0] in ("INSERT", "UPDATE", "DELETE") or "events_publish" in str(words)]
    publishing = ["events_publish" in str(words) for words in writes]
    assert publishing == sorted(publishing)
    assert any(publishing) == bool(ACTS[name][1](cast))


REFUSED = {
    "create": lambda c: accounts.create_user(actor=c.chief, username="person", email="new@example.com", password=PASSWORD),
    "update": lambda c: accounts.update_user(user=c.person, actor=c.chief, username="chief"),
    "update and deactivate": lambda c: accounts.update_user(user=c.person, actor=c.chief, is_active=False, username="chief"),
    "deactivate oneself": lambda c: accounts.deactivate_user(user=c.chief, actor=c.chief),
    "delete oneself": lambda c: accounts.delete_user(user=c.chief, actor=c.chief),
    "wrong password": lambda c: passwords.change_password(user=c.person, current="wrong", new=NEW),
    "bad password": lambda c: passwords.change_password(user=c.person, current=PASSWORD, new="short"),
    "bad token": lambda c: passwords.confirm_reset(uid=c.person.pk, token="x-y", new=NEW),
    "no picture": lambda c: profiles.set_avatar(user_id=c.person.pk, upload=io.BytesIO(b"text"), size=4),
    "bad link": lambda c: registration.confirm_email(token="nonsense"),
    "no guest": lambda c: guests.upgrade_guest(user=c.person, username="new", email="new@example.com", password=NEW),
    "bad invitation": lambda c: guests.enter_as_guest(invitation="nonsense", display_name="Visitor"),
    "somebody else's session": lambda c: sessions.sign_out(session_id=c.session.pk, actor=c.chief),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_call_tells_nothing(cast, name):
    with pytest.raises(DomainError):
        REFUSED[name](cast)
    assert not Event.objects.exists()


def test_a_taken_name_at_registration_tells_nobody(cast):
    registration.register(username="person", email="new@example.com", password=PASSWORD)
    registration.register(username="new", email="person@example.com", password=PASSWORD)
    assert told() == []


def test_a_guest_enters_with_its_end_and_becomes_an_account(cast):
    invitation = guests.issue_invitation(resource="room:1", lifetime=timedelta(hours=1), actor=cast.chief)
    assert told() == []
    entered = guests.enter_as_guest(invitation=invitation, display_name="Visitor")
    ((kind, payload),) = told()
    assert (kind, payload["username"], payload["is_guest"]) == ("user.created", entered.user.username, True)
    assert payload["expires_at"] == entered.user.guest_expires_at.isoformat().replace("+00:00", "Z")
    upgraded = guests.upgrade_guest(user=entered.user, username="new", email="new@example.com", password=NEW)
    assert told()[1:] == [
        ended("password", entered.session),
        updated("email", "is_guest", "password", "username", username="new"),
    ]
    assert Session.objects.active().get(user=entered.user) == upgraded.session


def test_a_proven_address_is_told_once(cast):
    registration.register(username="new", email="new@example.com", password=PASSWORD)
    token = mailing.verification_token(User.objects.get(username="new"))
    registration.confirm_email(token=token)
    registration.confirm_email(token=token)
    assert told()[1:] == [updated("email_verified_at", username="new")]


def test_a_reset_that_proves_the_address_says_so(cast):
    User.objects.filter(pk=cast.person.pk).update(email_verified_at=None)
    cast.person.refresh_from_db()
    passwords.confirm_reset(uid=cast.person.pk, token=default_token_generator.make_token(cast.person), new=NEW)
    assert told()[-1] == updated("email_verified_at", "password")


def test_activation_and_a_removed_avatar(cast):
    accounts.deactivate_user(user=cast.person, actor=cast.chief)
    accounts.deactivate_user(user=cast.person, actor=cast.chief)
    accounts.activate_user(user=cast.person, actor=cast.chief)
    profiles.set_avatar(user_id=cast.person.pk, upload=io.BytesIO(picture()), size=1000)
    profiles.remove_avatar(user_id=cast.person.pk)
    assert told()[1:] == [("user.deactivated", NAMED), ("user.activated", NAMED), updated("avatar"), updated("avatar")]


def test_a_stolen_refresh_token_and_one_session_too_many_name_their_reason(cast, monkeypatch):
    first = sessions.open_session(user=cast.person)
    second = sessions.refresh_session(token=first.tokens.refresh)
    sessions.refresh_session(token=second.tokens.refresh)
    with pytest.raises(DomainError):
        sessions.refresh_session(token=first.tokens.refresh)
    assert told() == [ended("reuse", first.session)]
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 1)
    sessions.open_session(user=cast.person)
    assert told()[1:] == [ended("replaced", cast.session)]


def test_a_session_that_ended_already_is_not_told_again(cast):
    sessions.revoke_session(session=cast.session, actor=cast.person)
    sessions.revoke_session(session=cast.session, actor=cast.person)
    sessions.revoke_others(user=cast.person, keep=None)
    assert told() == [ended("revoked", cast.session)]


def test_many_sessions_end_in_one_event_with_a_bounded_list(cast, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS_TOLD", 2)
    for _ in range(3):
        sessions.open_session(user=cast.person)
    assert sessions.revoke_others(user=cast.person, keep=None) == 4
    ((kind, payload),) = told()
    assert (kind, payload["count"], len(payload["sessions"])) == ("session.revoked", 4, 2)


def test_housekeeping_switches_old_guests_off_without_a_storm():
    for _ in range(3):
        make_guest(guest_expires_at=timezone.now() - timedelta(days=40))
    assert housekeeping.purge()["guests"] == 3
    assert told() == []


def test_every_reason_of_an_ended_session_is_in_the_catalogue():
    assert RevocationReason.values == events.REVOCATION_REASONS


def test_no_secret_is_in_a_payload(cast):
    signed_in = passwords.change_password(user=cast.person, current=PASSWORD, new=NEW)
    cast.person.refresh_from_db()
    text = str([event.payload for event in Event.objects.all()])
    assert text
    for secret in (PASSWORD, NEW, cast.person.password, signed_in.tokens.refresh, cast.person.email):
        assert secret not in text
