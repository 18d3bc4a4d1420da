"""Accounts as administrators manage them, and the end of access, below HTTP."""

import io

import pytest
from django.core.files.storage import default_storage

from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.exceptions import Invalid
from core.models import AuditEntry
from users.exceptions import LastAdministrator, SuperuserRequired
from users.models import Session, User, UserProfile
from users.services import accounts, profiles, sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import actions, last_entry, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief():
    return make_user(username="chief", is_staff=True, is_superuser=True)


@pytest.fixture
def person():
    return make_user(username="owner", email="owner@example.com")


def codes(error) -> dict[str, str]:
    return {item.field: item.code for item in error.details}


def test_an_account_made_by_an_administrator_can_sign_in_at_once(chief, settings):
    settings.REGISTRATION_EMAIL_VERIFICATION = "required"
    user = accounts.create_user(
        actor=chief, username="new", email="new@example.com", password=PASSWORD, profile={"time_zone": "Europe/Berlin"}
    )
    assert user.email_verified_at is not None
    assert user.profile.time_zone == "Europe/Berlin"
    assert sessions.sign_in(username="new", password=PASSWORD).user == user


def test_making_an_account_is_written_down_without_its_password(chief):
    user = accounts.create_user(actor=chief, username="new", email="new@example.com", password=PASSWORD, is_staff=True)
    entry = last_entry("user.created")
    assert (entry.actor_id, entry.target_id, entry.target_label) == (chief.pk, str(user.pk), "new")
    assert entry.changes == {"is_staff": True}
    assert PASSWORD not in str(entry.__dict__)


def test_the_system_may_make_an_account_without_an_actor():
    accounts.create_user(actor=None, username="first", email="first@example.com", password=PASSWORD)
    assert (last_entry("user.created").actor_id, last_entry("user.created").via) == (None, "system")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": "Owner"}, {"username": "unique"}),
        ({"email": "OWNER@example.com"}, {"email": "unique"}),
        ({"username": "a@b"}, {"username": "invalid_username"}),
        ({"email": "not an address"}, {"email": "invalid"}),
        ({"password": "short"}, {"password": "password_too_short"}),
        ({"password": "password123"}, {"password": "password_too_common"}),
        ({"password": "x" * 129}, {"password": "password_too_long"}),
        ({"max_messages_per_day": -1}, {"max_messages_per_day": "min_value"}),
        ({"max_messages_per_day": 1_000_000_001}, {"max_messages_per_day": "max_value"}),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_and_no_account_is_made(chief, person, fields, wrong):
    good = {"username": "new", "email": "new@example.com", "password": PASSWORD}
    with pytest.raises(Invalid) as caught:
        accounts.create_user(actor=chief, **{**good, **fields})
    assert codes(caught.value) == wrong
    assert User.objects.count() == 2
    assert not AuditEntry.objects.exists()


def test_fields_that_are_nobodys_to_set_are_a_programming_error(chief):
    with pytest.raises(TypeError):
        accounts.create_user(actor=chief, username="new", email="new@example.com", password=PASSWORD, tokens_valid_after=None)


def test_a_password_needs_no_digits_or_capitals_only_length():
    assert accounts.checked_password("plain lower words") == "plain lower words"
    assert accounts.checked_password("x" * 4 + "y" * 124)


def test_a_change_is_written_down_with_before_and_after(chief, person):
    user = accounts.update_user(user=person, actor=chief, first_name="Ada", max_messages_per_day=5)
    assert (user.first_name, user.max_messages_per_day) == ("Ada", 5)
    assert last_entry("user.updated").changes == {"first_name": ["", "Ada"], "max_messages_per_day": ["1000", "5"]}


def test_a_change_that_changes_nothing_is_not_written_down(chief, person):
    before = person.updated_at
    user = accounts.update_user(user=person, actor=chief, username="owner", is_active=True)
    assert user.updated_at == before
    assert not AuditEntry.objects.exists()


def test_a_refused_change_leaves_everything_as_it_was_even_the_state_sent_along(chief, person):
    make_user(username="taken")
    token = sessions.open_session(user=person).tokens.refresh
    entries = AuditEntry.objects.count()
    with pytest.raises(Invalid):
        accounts.update_user(user=person, actor=chief, is_active=False, username="Taken")
    person.refresh_from_db()
    assert person.is_active
    assert person.username == "owner"
    assert sessions.refresh_session(token=token)
    assert AuditEntry.objects.count() == entries


def test_state_and_fields_change_together(chief, person):
    user = accounts.update_user(user=person, actor=chief, is_active=False, first_name="Ada")
    assert (user.is_active, user.first_name) == (False, "Ada")
    user = accounts.update_user(user=user, actor=chief, is_active=True, first_name="Eve")
    assert (user.is_active, user.first_name) == (True, "Eve")
    assert actions() == ["user.updated", "user.deactivated", "user.updated", "user.activated"]


@pytest.mark.parametrize("act", ["deactivate", "delete", "demote", "deactivate_by_update"])
def test_no_administrator_can_shut_themselves_out(chief, act):
    with pytest.raises(LastAdministrator):
        {
            "deactivate": lambda: accounts.deactivate_user(user=chief, actor=chief),
            "delete": lambda: accounts.delete_user(user=chief, actor=chief),
            "demote": lambda: accounts.update_user(user=chief, actor=chief, is_staff=False),
            "deactivate_by_update": lambda: accounts.update_user(user=chief, actor=chief, is_active=False),
        }[act]()
    chief.refresh_from_db()
    assert chief.is_active
    assert chief.is_staff
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("act", ["update", "promote", "promote_self", "create", "deactivate", "activate", "delete"])
def test_an_ordinary_administrator_neither_touches_nor_makes_a_superuser(chief, person, act):
    staff = make_user(username="staff", is_staff=True)
    fields = {"username": "new", "email": "new@example.com", "password": PASSWORD}
    before = list(User.objects.order_by("pk").values())
    with pytest.raises(SuperuserRequired):
        {
            "update": lambda: accounts.update_user(user=chief, actor=staff, email="mine@example.com"),
            "promote": lambda: accounts.update_user(user=person, actor=staff, is_superuser=True),
            "promote_self": lambda: accounts.update_user(user=staff, actor=staff, is_superuser=True),
            "create": lambda: accounts.create_user(actor=staff, is_superuser=True, **fields),
            "deactivate": lambda: accounts.deactivate_user(user=chief, actor=staff),
            "activate": lambda: accounts.activate_user(user=chief, actor=staff),
            "delete": lambda: accounts.delete_user(user=chief, actor=staff),
        }[act]()
    assert list(User.objects.order_by("pk").values()) == before
    assert not AuditEntry.objects.exists()


def test_a_superuser_and_the_system_may_make_and_change_superusers(chief, person):
    assert accounts.update_user(user=person, actor=chief, is_superuser=True).is_superuser
    fields = {"username": "new", "email": "new@example.com", "password": PASSWORD}
    assert accounts.create_user(actor=None, is_superuser=True, **fields).is_superuser
    accounts.delete_user(user=person, actor=chief)


def test_deactivating_ends_every_session_and_keeps_the_keys_for_later(chief, person):
    sessions.open_session(user=person)
    make_key(person)
    user = accounts.deactivate_user(user=person, actor=chief)
    assert not user.is_active
    assert not Session.objects.active().exists()
    assert set(Session.objects.values_list("revoked_reason", flat=True)) == {"deactivated"}
    assert APIKey.objects.filter(revoked_at=None).count() == 1


def test_deactivating_twice_is_once(chief, person):
    accounts.deactivate_user(user=person, actor=chief)
    accounts.deactivate_user(user=person, actor=chief)
    assert actions() == ["user.deactivated"]


def test_activating_lets_in_again_but_revives_no_session(chief, person):
    token = sessions.open_session(user=person).tokens.refresh
    accounts.deactivate_user(user=person, actor=chief)
    accounts.activate_user(user=person, actor=chief)
    accounts.activate_user(user=person, actor=chief)
    assert not Session.objects.active().exists()
    with pytest.raises(Exception, match="not valid"):
        sessions.refresh_session(token=token)
    assert sessions.sign_in(username="owner", password=PASSWORD)
    assert actions().count("user.activated") == 1


def test_deleting_takes_everything_but_the_audit_trail(chief, person):
    sessions.open_session(user=person)
    make_key(person)
    pk = person.pk
    accounts.delete_user(user=person, actor=chief)
    assert not User.objects.filter(pk=pk).exists()
    assert not Session.objects.exists()
    assert not APIKey.objects.exists()
    assert not UserProfile.objects.filter(user_id=pk).exists()
    entry = last_entry("user.deleted")
    assert (entry.target_id, entry.target_label, entry.actor_id) == (str(pk), "owner", chief.pk)
    assert "session.created" in actions()


def test_a_deleted_account_leaves_no_picture_behind(chief, person, django_capture_on_commit_callbacks):
    body = picture()
    name = profiles.set_avatar(user_id=person.pk, upload=io.BytesIO(body), size=len(body)).avatar.name
    assert default_storage.exists(name)
    with django_capture_on_commit_callbacks(execute=True):
        accounts.delete_user(user=person, actor=chief)
    assert not default_storage.exists(name)


def test_a_guest_can_be_renamed_by_an_administrator_and_stays_a_guest(chief):
    guest = make_guest()
    user = accounts.update_user(user=guest, actor=chief, first_name="Visitor")
    assert user.is_guest
    assert user.email is None
