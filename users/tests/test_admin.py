"""What the admin promises about accounts, sessions and letters."""

import re
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.models import AuditEntry
from users.choices import MailKind, RevocationReason
from users.mailing import MAX_ATTEMPTS
from users.models import OutgoingMail, Session, User
from users.services import sessions
from users.tests.factories import PASSWORD, make_guest, make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

USERS = "/admin/users/user/"
CHANGED = {"max_messages_per_day": 7, "first_name": "", "last_name": "", "is_active": "on"}


def page(user: User, action: str = "change") -> str:
    return f"{USERS}{user.pk}/{action}/"


def open_session(user: User) -> Session:
    return sessions.open_session(user=user).session


def fields(user: User, **changes: Any) -> dict[str, Any]:
    return {**CHANGED, "username": user.username, "email": user.email or "", **changes}


PAGES = ["/admin/", USERS, f"{USERS}add/", "/admin/users/session/", "/admin/users/outgoingmail/", "/admin/password_change/"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_the_login_page(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", PAGES)
def test_somebody_who_is_not_staff_is_not_let_in(path: str, user: User) -> None:
    response = signed_in(user).get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", PAGES)
def test_staff_without_the_superuser_flag_is_let_in(path: str) -> None:
    assert signed_in(make_user(is_staff=True)).get(path).status_code == 200


def test_a_deactivated_administrator_is_out_at_once(chief: Client, admin: User) -> None:
    assert chief.get(USERS).status_code == 200
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert chief.get(USERS).status_code == 302


class TestSigningIn:
    def login(self, username: str, password: str) -> Any:
        return Client().post("/admin/login/?next=/admin/", {"username": username, "password": password})

    def test_works_with_the_name_or_the_email(self, admin: User) -> None:
        assert self.login("chief", PASSWORD).status_code == 302
        assert self.login("CHIEF@example.com", PASSWORD).status_code == 302

    def test_is_refused_to_somebody_who_is_not_staff(self, user: User) -> None:
        assert self.login(user.username, PASSWORD).status_code == 200

    def test_is_refused_with_a_wrong_password(self, admin: User) -> None:
        response = self.login("chief", "wrong")
        assert "The name or password is wrong" in response.content.decode()

    def test_counts_failures_as_the_api_does_until_even_the_right_password_is_refused(self, admin: User) -> None:
        for _ in range(30):
            self.login("chief", "wrong")
        response = self.login("chief", PASSWORD)
        assert response.status_code == 200
        assert "Too many failed attempts" in response.content.decode()


class TestTheList:
    def test_finds_by_name_and_email(self, chief: Client, user: User, other: User) -> None:
        content = chief.get(USERS, {"q": "outsider@exam"}).content.decode()
        assert page(other) in content
        assert page(user) not in content

    @pytest.mark.parametrize(
        ("query", "shown"),
        [("is_active__exact=0", "off"), ("is_staff__exact=1", "chief"), ("is_guest__exact=1", "visitor")],
    )
    def test_filters(self, chief: Client, query: str, shown: str) -> None:
        make_user(username="off", is_active=False)
        make_guest(username="visitor")
        content = chief.get(f"{USERS}?{query}").content.decode()
        assert {name for name in ("off", "chief", "visitor") if f">{name}</a>" in content} == {shown}

    def test_takes_as_many_queries_for_twenty_rows_as_for_one(self, chief: Client) -> None:
        chief.get(USERS)
        with CaptureQueriesContext(connection) as few:
            chief.get(USERS)
        for _ in range(20):
            make_user()
        with CaptureQueriesContext(connection) as many:
            chief.get(USERS)
        assert len(many) == len(few)

    def test_cannot_delete_many_at_once(self, chief: Client, user: User) -> None:
        chief.post(USERS, {"action": "delete_selected", "_selected_action": [str(user.pk)], "post": "yes"})
        assert User.objects.filter(pk=user.pk).exists()


class TestTheForm:
    def test_never_shows_a_password_or_its_digest(self, chief: Client, user: User) -> None:
        content = chief.get(page(user)).content.decode()
        assert user.password not in content
        assert 'name="password"' not in content

    def test_creates_an_account_that_can_sign_in_and_leaves_a_trail(self, chief: Client, admin: User) -> None:
        data = {"username": "newcomer", "email": "new@example.com", "password": "a fine passphrase", "max_messages_per_day": 10}
        assert chief.post(f"{USERS}add/", data).status_code == 302
        made = User.objects.get(username="newcomer")
        assert made.check_password("a fine passphrase")
        assert made.email_verified_at is not None
        assert made.profile is not None
        entry = AuditEntry.objects.get(action="user.created", target_id=made.pk)
        assert (entry.actor_id, entry.via) == (admin.pk, "admin")

    def test_refuses_a_weak_password_beside_the_field_and_creates_nothing(self, chief: Client) -> None:
        data = {"username": "newcomer", "email": "new@example.com", "password": "password", "max_messages_per_day": 10}
        response = chief.post(f"{USERS}add/", data)
        assert response.status_code == 200
        assert response.context["adminform"].form.errors["password"]
        assert "password" not in re.findall(r'value="([^"]*)"', response.content.decode())
        assert not User.objects.filter(username="newcomer").exists()

    def test_refuses_a_taken_name_whatever_its_case(self, chief: Client, user: User) -> None:
        data = {
            "username": user.username.upper(),
            "email": "n@example.com",
            "password": "a fine passphrase",
            "max_messages_per_day": 1,
        }
        assert chief.post(f"{USERS}add/", data).status_code == 200
        assert User.objects.filter(username__lower=user.username).count() == 1

    def test_changes_through_the_service(self, chief: Client, user: User) -> None:
        assert chief.post(page(user), fields(user, first_name="Ada")).status_code == 302
        user.refresh_from_db()
        assert (user.first_name, user.max_messages_per_day) == ("Ada", 7)
        assert AuditEntry.objects.get(action="user.updated").changes["first_name"] == ["", "Ada"]

    def test_switching_active_off_ends_the_sessions_too(self, chief: Client, user: User) -> None:
        session = open_session(user)
        assert chief.post(page(user), {**fields(user), "is_active": ""}).status_code == 302
        session.refresh_from_db()
        user.refresh_from_db()
        assert not user.is_active
        assert session.revoked_reason == RevocationReason.DEACTIVATED

    def test_does_not_let_administrators_take_their_own_rights(self, chief: Client, admin: User) -> None:
        response = chief.post(page(admin), fields(admin, is_staff=""))
        assert response.status_code == 200
        assert "You cannot do this to your own account" in response.content.decode()
        admin.refresh_from_db()
        assert (admin.is_staff, admin.max_messages_per_day) == (True, 1000)

    def test_lets_only_superusers_make_superusers(self, user: User) -> None:
        staff = signed_in(make_user(is_staff=True))
        staff.post(page(user), fields(user, is_superuser="on"))
        user.refresh_from_db()
        assert not user.is_superuser

    def test_shows_active_sessions_and_ways_to_what_belongs_to_the_account(self, chief: Client, user: User) -> None:
        session = open_session(user)
        content = chief.get(page(user)).content.decode()
        assert reverse("admin:users_session_revoke", args=[session.pk]) in content
        assert f"/admin/api_keys/apikey/?owner={user.pk}" in content
        assert f"/admin/analytics/apilog/?user={user.pk}" in content
        assert f"/admin/analytics/usagestats/?user={user.pk}" in content

    def test_its_history_is_the_audit_trail(self, chief: Client, user: User) -> None:
        assert chief.get(page(user, "history"))["Location"] == f"/admin/core/auditentry/?target={user.pk}"

    def test_of_an_account_that_is_gone_leads_back_to_the_list(self, chief: Client) -> None:
        gone = make_user()
        address = page(gone)
        gone.delete()
        assert chief.get(address).status_code == 302


class TestDeletion:
    def test_asks_first(self, chief: Client, user: User) -> None:
        assert chief.get(page(user, "delete")).status_code == 200
        assert User.objects.filter(pk=user.pk).exists()

    def test_goes_through_the_service(self, chief: Client, user: User) -> None:
        open_session(user)
        assert chief.post(page(user, "delete"), {"post": "yes"}).status_code == 302
        assert not User.objects.filter(pk=user.pk).exists()
        assert AuditEntry.objects.filter(action="user.deleted", target_id=user.pk, via="admin").exists()

    def test_of_oneself_is_refused(self, chief: Client, admin: User) -> None:
        response = chief.post(page(admin, "delete"), {"post": "yes"}, follow=True)
        assert "You cannot do this to your own account" in response.content.decode()
        assert User.objects.filter(pk=admin.pk).exists()


class TestActions:
    def choose(self, client: Client, action: str, *users: User) -> str:
        data = {"action": action, "_selected_action": [str(user.pk) for user in users]}
        return client.post(USERS, data, follow=True).content.decode()

    def test_deactivate_ends_access_and_refuses_oneself(self, chief: Client, admin: User, user: User) -> None:
        session = open_session(user)
        content = self.choose(chief, "deactivate_chosen", user, admin)
        session.refresh_from_db()
        assert session.revoked_at is not None
        assert set(User.objects.filter(is_active=False)) == {user}
        assert "1 accounts deactivated" in content
        assert "You cannot do this to your own account" in content

    def test_activate_lets_in_again(self, chief: Client) -> None:
        off = make_user(is_active=False)
        self.choose(chief, "activate_chosen", off)
        off.refresh_from_db()
        assert off.is_active

    def test_send_reset_writes_to_those_who_have_an_address(
        self, chief: Client, user: User, guest: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            content = self.choose(chief, "send_reset_to_chosen", user, guest)
        assert [letter.to for letter in mail.outbox] == [[user.email]]
        assert "This account has no address" in content

    @pytest.mark.parametrize("action", ["activate", "deactivate", "send_reset"])
    def test_buttons_only_ask_when_they_are_followed(self, chief: Client, user: User, action: str) -> None:
        before = AuditEntry.objects.count()
        assert chief.get(page(user, action)).status_code == 200
        assert AuditEntry.objects.count() == before
        assert not OutgoingMail.objects.exists()

    def test_buttons_do_it_when_confirmed(self, chief: Client, user: User) -> None:
        chief.post(page(user, "deactivate"))
        user.refresh_from_db()
        assert not user.is_active
        chief.post(page(user, "activate"))
        user.refresh_from_db()
        assert user.is_active
        chief.post(page(user, "send_reset"))
        assert OutgoingMail.objects.get().kind == MailKind.PASSWORD_RESET

    def test_buttons_are_refused_to_outsiders_and_change_nothing(self, user: User, other: User) -> None:
        for client in (Client(), signed_in(other)):
            assert client.post(page(user, "deactivate")).status_code == 302
        user.refresh_from_db()
        assert user.is_active

    def test_buttons_need_the_csrf_token(self, admin: User, user: User) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(admin, backend="users.backends.UsernameOrEmailBackend")
        assert strict.post(page(user, "deactivate")).status_code == 403
        user.refresh_from_db()
        assert user.is_active


class TestSessions:
    LIST = "/admin/users/session/"

    def test_are_listed_and_filtered(self, chief: Client, user: User, other: User) -> None:
        mine, theirs = open_session(user), open_session(other)
        content = chief.get(self.LIST, {"user": user.username}).content.decode()
        assert str(mine.pk) in content
        assert str(theirs.pk) not in content
        sessions.revoke_session(session=mine, actor=user)
        assert str(mine.pk) not in chief.get(self.LIST, {"state": "active"}).content.decode()
        assert str(mine.pk) in chief.get(self.LIST, {"state": "revoked"}).content.decode()

    def test_take_as_many_queries_for_twenty_rows_as_for_one(self, chief: Client) -> None:
        open_session(make_user())
        with CaptureQueriesContext(connection) as few:
            chief.get(self.LIST)
        for _ in range(20):
            open_session(make_user())
        with CaptureQueriesContext(connection) as many:
            chief.get(self.LIST)
        assert len(many) == len(few)

    def test_are_ended_only_when_confirmed(self, chief: Client, user: User) -> None:
        session = open_session(user)
        address = reverse("admin:users_session_revoke", args=[session.pk])
        assert chief.get(address).status_code == 200
        session.refresh_from_db()
        assert session.is_active
        chief.post(address)
        session.refresh_from_db()
        assert session.revoked_reason == RevocationReason.ADMIN
        assert AuditEntry.objects.filter(action="session.revoked", target_id=session.pk, via="admin").exists()

    def test_can_be_ended_many_at_once(self, chief: Client, user: User) -> None:
        opened = [open_session(user) for _ in range(3)]
        chief.post(self.LIST, {"action": "revoke_chosen", "_selected_action": [str(one.pk) for one in opened[:2]]})
        assert list(Session.objects.active().filter(user=user)) == [opened[2]]

    def test_cannot_be_made_or_changed_by_hand(self, chief: Client, user: User) -> None:
        session = open_session(user)
        assert chief.get(f"{self.LIST}add/").status_code == 403
        chief.post(f"{self.LIST}{session.pk}/change/", {"user_agent": "forged", "ip_address": "203.0.113.9"})
        stored = Session.objects.get(pk=session.pk)
        assert (stored.user_agent, stored.ip_address) == (session.user_agent, session.ip_address)


class TestLetters:
    LIST = "/admin/users/outgoingmail/"

    def letter(self, to: str, **more: Any) -> OutgoingMail:
        return OutgoingMail.objects.create(kind=MailKind.PASSWORD_RESET, to=to, user=make_user(), **more)

    def test_are_listed_by_state(self, chief: Client) -> None:
        self.letter("sent@example.com", sent_at=timezone.now())
        self.letter("waits@example.com")
        self.letter("lost@example.com", attempts=MAX_ATTEMPTS)
        shown = {}
        for state in ("sent", "waiting", "given_up"):
            shown[state] = re.findall(
                r"(?:sent|waits|lost)@example\.com", chief.get(self.LIST, {"state": state}).content.decode()
            )
        assert {state: set(found) for state, found in shown.items()} == {
            "sent": {"sent@example.com"},
            "waiting": {"waits@example.com"},
            "given_up": {"lost@example.com"},
        }

    def test_take_as_many_queries_for_twenty_rows_as_for_one(self, chief: Client) -> None:
        self.letter("one@example.com")
        with CaptureQueriesContext(connection) as few:
            chief.get(self.LIST)
        for number in range(20):
            self.letter(f"n{number}@example.com")
        with CaptureQueriesContext(connection) as many:
            chief.get(self.LIST)
        assert len(many) == len(few)

    def test_can_only_be_looked_at(self, chief: Client) -> None:
        letter = self.letter("one@example.com")
        assert chief.get(f"{self.LIST}{letter.pk}/change/").status_code == 200
        assert chief.post(f"{self.LIST}{letter.pk}/change/", {"to": "x@example.com"}).status_code == 403
        assert chief.get(f"{self.LIST}add/").status_code == 403
        assert chief.post(f"{self.LIST}{letter.pk}/delete/", {"post": "yes"}).status_code == 403
        assert OutgoingMail.objects.get().to == "one@example.com"


class TestOwnPassword:
    ADDRESS = "/admin/password_change/"

    def change(self, client: Client, old: str, new: str = "another fine passphrase") -> Any:
        return client.post(self.ADDRESS, {"old_password": old, "new_password1": new, "new_password2": new})

    def test_changes_ends_the_api_sessions_and_keeps_this_sign_in(self, chief: Client, admin: User) -> None:
        session = open_session(admin)
        assert self.change(chief, PASSWORD).status_code == 302
        admin.refresh_from_db()
        assert admin.check_password("another fine passphrase")
        assert not Session.objects.active().filter(user=admin).exists()
        assert AuditEntry.objects.filter(action="user.password_changed", target_id=admin.pk).exists()
        assert session.pk
        assert chief.get(USERS).status_code == 200

    def test_is_refused_with_a_wrong_current_password(self, chief: Client, admin: User) -> None:
        response = self.change(chief, "wrong")
        assert "The current password is wrong" in response.content.decode()
        admin.refresh_from_db()
        assert admin.check_password(PASSWORD)

    def test_counts_wrong_guesses(self, chief: Client, admin: User) -> None:
        for _ in range(30):
            self.change(chief, "wrong")
        assert "Too many attempts" in self.change(chief, PASSWORD).content.decode()
        admin.refresh_from_db()
        assert admin.check_password(PASSWORD)
