"""What the admin promises about API keys."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api_keys import services
from api_keys.material import is_well_formed
from api_keys.models import APIKey
from api_keys.services import NewKey
from api_keys.tests.factories import make_key
from core.models import AuditEntry
from users.models import User
from users.tests.factories import make_user
from users.tests.support import signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/api_keys/apikey/"
RAW = re.compile(r"atl_(?:live|test)_[0-9A-Za-z]{49}")


def page(key: APIKey, action: str = "change") -> str:
    return f"{LIST}{key.pk}/{action}/"


def new_key_data(owner: User, **changes: Any) -> dict[str, Any]:
    return {
        "name": "reporting",
        "owner": str(owner.pk),
        "environment": "live",
        "scopes": ["usage:read"],
        "allowed_networks": "203.0.113.0/24\n2001:db8::1",
        "metadata": "{}",
        **changes,
    }


def change_data(key: APIKey, **changes: Any) -> dict[str, Any]:
    kept = {"name": key.name, "scopes": key.scopes, "allowed_networks": "", "metadata": "{}", "is_active": "on"}
    return {**kept, **changes}


def shown_keys(content: str) -> set[str]:
    return set(re.findall(r"/apikey/([0-9a-f-]{36})/change/", content))


def test_outsiders_see_nothing_and_revoke_nothing(key: NewKey, user: User) -> None:
    for client in (Client(), signed_in(user)):
        for address in (LIST, f"{LIST}add/", page(key.key), page(key.key, "rotate")):
            assert client.get(address)["Location"].startswith("/admin/login/")
        assert client.post(page(key.key, "revoke")).status_code == 302
        assert client.post(page(key.key, "rotate"), {"grace": "0"}).status_code == 302
        assert (
            client.post(LIST, {"action": "revoke_chosen", "confirmed": "yes", "_selected_action": [str(key.key.pk)]}).status_code
            == 302
        )
    key.key.refresh_from_db()
    assert key.key.status == "active"
    assert APIKey.objects.count() == 1


def test_staff_without_the_superuser_flag_manages_keys(key: NewKey) -> None:
    staff = signed_in(make_user(is_staff=True))
    assert staff.get(LIST).status_code == 200
    assert staff.get(page(key.key)).status_code == 200


class TestTheList:
    @pytest.fixture
    def keys(self, user: User, other: User) -> dict[str, APIKey]:
        made = {
            name: make_key(user, name=name, scopes=["usage:read"]).key for name in ("active", "inactive", "expired", "revoked")
        }
        services.update_key(key=made["inactive"], actor=user, is_active=False)
        APIKey.objects.filter(pk=made["expired"].pk).update(expires_at=timezone.now() - timedelta(days=1))
        services.revoke_key(key=made["revoked"], actor=user)
        made["theirs"] = make_key(other, name="theirs", scopes=["logs:read"], environment="test").key
        return made

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"status": "active"}, {"active", "theirs"}),
            ({"status": "inactive"}, {"inactive"}),
            ({"status": "expired"}, {"expired"}),
            ({"status": "revoked"}, {"revoked"}),
            ({"environment__exact": "test"}, {"theirs"}),
            ({"scope": "logs:read"}, {"theirs"}),
            ({"owner": "outsider"}, {"theirs"}),
            ({"owner": "outsider@example.com"}, {"theirs"}),
            ({"owner": "nobody"}, set()),
            ({"q": "theirs"}, {"theirs"}),
            ({"q": "owner@example"}, {"active", "inactive", "expired", "revoked"}),
        ],
    )
    def test_filters_and_searches(self, chief: Client, keys: dict[str, APIKey], query: dict[str, str], names: set[str]) -> None:
        assert shown_keys(chief.get(LIST, query).content.decode()) == {str(keys[name].pk) for name in names}

    def test_takes_as_many_queries_for_twenty_rows_as_for_one(self, chief: Client) -> None:
        make_key(make_user())
        with CaptureQueriesContext(connection) as few:
            chief.get(LIST)
        for _ in range(20):
            make_key(make_user())
        with CaptureQueriesContext(connection) as many:
            chief.get(LIST)
        assert len(many) == len(few)


class TestMaking:
    def test_shows_the_raw_key_once_and_never_again(self, chief: Client, user: User) -> None:
        response = chief.post(f"{LIST}add/", new_key_data(user))
        found = set(RAW.findall(response.content.decode()))
        assert len(found) == 1
        raw = found.pop()
        assert is_well_formed(raw)
        assert "no-store" in response["Cache-Control"]
        key = APIKey.objects.get()
        assert key.last_four == raw[-4:]
        for address in (LIST, page(key), page(key, "rotate"), page(key, "history"), "/admin/", "/admin/core/auditentry/"):
            assert raw not in chief.get(address, follow=True).content.decode()

    def test_leaves_the_raw_key_nowhere_in_the_database(self, chief: Client, user: User) -> None:
        raw = RAW.findall(chief.post(f"{LIST}add/", new_key_data(user)).content.decode())[0]
        stored = str(APIKey.objects.values().get()) + str(list(AuditEntry.objects.values()))
        stored += "".join(str(session.get_decoded()) for session in BrowserSession.objects.all())
        assert raw not in stored

    def test_makes_what_was_asked_for(self, chief: Client, admin: User, user: User) -> None:
        chief.post(f"{LIST}add/", new_key_data(user, rate_limit="5", daily_quota="100", environment="test", metadata='{"a": 1}'))
        key = APIKey.objects.get()
        assert (key.owner, key.created_by, key.environment) == (user, admin, "test")
        assert (key.scopes, key.allowed_networks) == (["usage:read"], ["203.0.113.0/24", "2001:db8::1/128"])
        assert (key.rate_limit, key.daily_quota, key.metadata) == (5, 100, {"a": 1})
        assert AuditEntry.objects.get(action="api_key.created").via == "admin"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"allowed_networks": "not-a-network"}, "allowed_networks"),
            ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}, "expires_at"),
            ({"scopes": ["no:such"]}, "scopes"),
            ({"rate_limit": "0"}, "rate_limit"),
            ({"metadata": "[1]"}, "metadata"),
        ],
    )
    def test_says_what_is_wrong_beside_the_field_and_makes_nothing(
        self, chief: Client, user: User, changes: dict[str, Any], field: str
    ) -> None:
        response = chief.post(f"{LIST}add/", new_key_data(user, **changes))
        assert response.status_code == 200
        assert field in response.context["adminform"].form.errors
        assert not APIKey.objects.exists()

    def test_refuses_administrators_scopes_to_ordinary_owners(self, chief: Client, user: User) -> None:
        response = chief.post(f"{LIST}add/", new_key_data(user, scopes=["users:read"]))
        assert "for administrators&#x27; keys only" in response.content.decode()
        assert not APIKey.objects.exists()


class TestChanging:
    def test_goes_through_the_service(self, chief: Client, key: NewKey) -> None:
        assert chief.post(page(key.key), change_data(key.key, name="renamed", scopes=["usage:read"])).status_code == 302
        key.key.refresh_from_db()
        assert (key.key.name, key.key.scopes) == ("renamed", ["usage:read"])
        changes = AuditEntry.objects.get(action="api_key.updated").changes
        assert set(changes) == {"name", "scopes"}

    def test_cannot_move_a_key_to_another_owner_or_environment(self, chief: Client, key: NewKey, user: User, other: User) -> None:
        chief.post(page(key.key), change_data(key.key, owner=str(other.pk), environment="test"))
        key.key.refresh_from_db()
        assert (key.key.owner, key.key.environment) == (user, "live")

    def test_shows_neither_the_digest_nor_the_key(self, chief: Client, key: NewKey) -> None:
        content = chief.get(page(key.key)).content.decode()
        assert key.key.masked in content
        assert key.raw not in content
        assert key.key.digest.rpartition("$")[2] not in content

    def test_leads_to_the_usage_of_the_key(self, chief: Client, key: NewKey) -> None:
        content = chief.get(page(key.key)).content.decode()
        assert f"/admin/?window=week&amp;key={key.key.pk}" in content
        assert f"/admin/analytics/apilog/?key={key.key.pk}" in content

    def test_is_over_once_a_key_is_revoked(self, chief: Client, key: NewKey, user: User) -> None:
        services.revoke_key(key=key.key, actor=user)
        assert chief.post(page(key.key), change_data(key.key, name="renamed")).status_code == 403
        key.key.refresh_from_db()
        assert key.key.name != "renamed"

    def test_cannot_delete(self, chief: Client, key: NewKey) -> None:
        assert chief.post(page(key.key, "delete"), {"post": "yes"}).status_code == 403
        chief.post(LIST, {"action": "delete_selected", "_selected_action": [str(key.key.pk)], "post": "yes"})
        assert APIKey.objects.filter(pk=key.key.pk).exists()


class TestRevoking:
    def test_asks_first(self, chief: Client, key: NewKey) -> None:
        assert chief.get(page(key.key, "revoke")).status_code == 200
        key.key.refresh_from_db()
        assert key.key.revoked_at is None

    def test_is_final(self, chief: Client, key: NewKey) -> None:
        assert chief.post(page(key.key, "revoke")).status_code == 302
        key.key.refresh_from_db()
        assert key.key.status == "revoked"
        assert AuditEntry.objects.filter(action="api_key.revoked", target_id=key.key.pk, via="admin").exists()

    def test_of_many_asks_first_too(self, chief: Client, user: User) -> None:
        keys = [make_key(user).key for _ in range(3)]
        data = {"action": "revoke_chosen", "_selected_action": [str(key.pk) for key in keys[:2]]}
        content = chief.post(LIST, data).content.decode()
        assert keys[0].masked in content
        assert keys[2].masked not in content
        assert not APIKey.objects.filter(revoked_at__isnull=False).exists()
        chief.post(LIST, {**data, "confirmed": "yes"})
        assert set(APIKey.objects.filter(revoked_at__isnull=False)) == set(keys[:2])


class TestRotating:
    def test_asks_first(self, chief: Client, key: NewKey) -> None:
        response = chief.get(page(key.key, "rotate"))
        assert not RAW.search(response.content.decode())
        assert APIKey.objects.count() == 1

    def test_shows_the_successor_once_and_lets_the_old_key_run_out(self, chief: Client, key: NewKey) -> None:
        response = chief.post(page(key.key, "rotate"), {"grace": "3600"})
        (raw,) = set(RAW.findall(response.content.decode()))
        key.key.refresh_from_db()
        successor = key.key.replaced_by
        assert successor is not None
        assert (successor.last_four, successor.scopes) == (raw[-4:], key.key.scopes)
        assert timedelta(minutes=59) < key.key.expires_at - timezone.now() <= timedelta(hours=1)
        assert raw not in chief.get(page(successor)).content.decode()

    def test_refuses_a_grace_that_was_not_offered(self, chief: Client, key: NewKey) -> None:
        assert chief.post(page(key.key, "rotate"), {"grace": "99999999"}).status_code == 200
        assert APIKey.objects.count() == 1

    def test_says_why_a_switched_off_key_cannot_be(self, chief: Client, key: NewKey, user: User) -> None:
        services.update_key(key=key.key, actor=user, is_active=False)
        response = chief.post(page(key.key, "rotate"), {"grace": "0"})
        assert "Only an active key can be rotated" in response.content.decode()
        assert APIKey.objects.count() == 1
