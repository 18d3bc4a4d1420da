"""POST /api/v1/api-keys/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.api_keys.tests.support import LIST
from api_keys import services
from api_keys.material import is_well_formed
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.models import AuditEntry

pytestmark = pytest.mark.django_db


class TestWhoMay:
    def test_an_anonymous_caller_is_refused(self, api):
        assert_anonymous(api.post(LIST, {"name": "x"}))
        assert not APIKey.objects.exists()

    def test_a_guest_is_refused(self, as_guest):
        assert error(as_guest.post(LIST, {"name": "x"})) == (403, "account_required")
        assert not APIKey.objects.exists()

    def test_a_key_without_the_scope_is_refused(self, as_bare_key, as_reading_key):
        assert_lacks_scope(as_bare_key.post(LIST, {"name": "x"}), "api_keys:write")
        assert_lacks_scope(as_reading_key.post(LIST, {"name": "x"}), "api_keys:write")
        assert APIKey.objects.count() == 2

    def test_a_person_may_not_make_keys_for_others(self, as_user, other):
        assert error(as_user.post(LIST, {"name": "x", "owner": str(other.pk)})) == (403, "admin_required")
        assert not APIKey.objects.exists()

    def test_an_owner_may_name_itself(self, as_user, user):
        assert as_user.post(LIST, {"name": "x", "owner": str(user.pk)}).json()["data"]["owner"] == str(user.pk)

    def test_an_administrator_makes_keys_for_others(self, as_admin, admin, user):
        data = as_admin.post(LIST, {"name": "x", "owner": str(user.pk)}).json()["data"]
        assert (data["owner"], data["created_by"]) == (str(user.pk), str(admin.pk))

    def test_not_for_a_guest_or_nobody(self, as_admin, guest):
        for owner in (guest.pk, uuid4()):
            assert wrong_fields(as_admin.post(LIST, {"name": "x", "owner": str(owner)})) == [("owner", "does_not_exist")]
        assert not APIKey.objects.exists()


class TestTheAnswer:
    def test_holds_the_raw_key_which_works_at_once(self, api, as_user, user):
        response = as_user.post(LIST, {"name": "backend", "scopes": ["usage:read"]})
        assert response.status_code == 201
        data = response.json()["data"]
        assert is_well_formed(data["key"])
        assert data["key"].startswith(data["prefix"])
        assert data["key"].endswith(data["last_four"])
        assert api.as_key(data["key"]).get("/api/v1/analytics/summary/").status_code == 200
        assert response.headers["Location"] == f"{LIST}{data['id']}/"
        assert response.headers["Cache-Control"] == "no-store"
        assert (data["owner"], data["status"], data["environment"]) == (str(user.pk), "active", "live")

    def test_is_the_only_place_of_the_raw_key(self, as_user):
        data = as_user.post(LIST, {"name": "backend"}).json()["data"]
        assert data["key"] not in as_user.get(f"{LIST}{data['id']}/").content.decode()
        assert data["key"][13:-4] not in str(list(AuditEntry.objects.values()))

    def test_holds_every_setting_in_its_canonical_form(self, as_user):
        end = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
        data = as_user.post(
            LIST,
            {
                "name": "  backend ",
                "environment": "test",
                "scopes": ["usage:read", "logs:read", "usage:read"],
                "allowed_networks": ["10.1.2.3/8", "2001:DB8::1/32"],
                "rate_limit": 5,
                "daily_quota": 50,
                "metadata": {"team": "a", "list": [1, None, {"deep": True}]},
                "expires_at": end.isoformat(),
            },
        ).json()["data"]
        assert data["name"] == "backend"
        assert data["key"].startswith("atl_test_")
        assert data["scopes"] == ["logs:read", "usage:read"]
        assert data["allowed_networks"] == ["10.0.0.0/8", "2001:db8::/32"]
        assert (data["rate_limit"], data["daily_quota"]) == (5, 50)
        assert data["metadata"] == {"team": "a", "list": [1, None, {"deep": True}]}
        assert data["expires_at"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def test_an_idempotent_repeat_answers_the_same_key_and_makes_no_second(self, as_user):
        first = as_user.post(LIST, {"name": "x"}, headers={"Idempotency-Key": "once"})
        again = as_user.post(LIST, {"name": "x"}, headers={"Idempotency-Key": "once"})
        assert again.json()["data"]["key"] == first.json()["data"]["key"]
        assert again.headers["Idempotency-Replayed"] == "true"
        assert APIKey.objects.count() == 1

    def test_the_entry_of_the_audit_trail_names_credential_address_and_request(self, as_user, user):
        response = as_user.post(LIST, {"name": "x"}, headers={"X-Request-ID": "my-request"})
        entry = AuditEntry.objects.get(action="api_key.created")
        assert (entry.actor_id, entry.via, entry.request_id) == (user.pk, "session", "my-request")
        assert entry.ip_address == "127.0.0.1"
        assert entry.target_id == response.json()["data"]["id"]


class TestRights:
    def test_a_scope_that_does_not_exist_is_named(self, as_user):
        assert wrong_fields(as_user.post(LIST, {"name": "x", "scopes": ["moon:land"]})) == [("scopes", "unknown_scope")]

    def test_a_scope_for_administrators_is_refused_to_others_and_given_to_them(self, as_user, as_admin):
        assert error(as_user.post(LIST, {"name": "x", "scopes": ["users:read"]})) == (403, "scope_not_grantable")
        assert not APIKey.objects.exists()
        assert as_admin.post(LIST, {"name": "x", "scopes": ["users:read"]}).status_code == 201

    def test_a_key_gives_no_scope_it_lacks(self, api, user):
        calling = api.as_key(make_key(user, scopes=["api_keys:write", "usage:read"]).raw)
        assert error(calling.post(LIST, {"name": "x", "scopes": ["logs:read"]})) == (403, "scope_not_grantable")
        assert APIKey.objects.count() == 1
        made = calling.post(LIST, {"name": "x", "scopes": ["usage:read"]}).json()["data"]
        assert AuditEntry.objects.get(target_id=made["id"]).via.startswith("api_key:")

    def test_a_test_key_makes_no_live_key(self, api, user):
        calling = api.as_key(make_key(user, environment="test").raw)
        assert error(calling.post(LIST, {"name": "x"})) == (403, "environment_not_grantable")
        assert APIKey.objects.count() == 1
        assert calling.post(LIST, {"name": "x", "environment": "test"}).status_code == 201

    def test_past_the_most_keys_it_is_a_conflict(self, as_user, user, monkeypatch):
        monkeypatch.setattr(services, "MAX_ACTIVE_KEYS", 1)
        make_key(user)
        assert error(as_user.post(LIST, {"name": "x"})) == (409, "too_many_keys")
        assert APIKey.objects.count() == 1


BAD = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": None}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": ["x"]}, "name"),
    ({"scopes": "usage:read"}, "scopes"),
    ({"scopes": [["usage:read"]]}, "scopes.0"),
    ({"scopes": ["usage:read"] * 101}, "scopes"),
    ({"scopes": None}, "scopes"),
    ({"environment": "moon"}, "environment"),
    ({"environment": None}, "environment"),
    ({"allowed_networks": ["10.0.0.0/33"]}, "allowed_networks"),
    ({"allowed_networks": ["10.0.0.0/8"] * 51}, "allowed_networks"),
    ({"allowed_networks": "10.0.0.0/8"}, "allowed_networks"),
    ({"allowed_networks": [5]}, "allowed_networks"),
    ({"rate_limit": 0}, "rate_limit"),
    ({"rate_limit": -1}, "rate_limit"),
    ({"rate_limit": 10**10}, "rate_limit"),
    ({"rate_limit": 10**40}, "rate_limit"),
    ({"rate_limit": "many"}, "rate_limit"),
    ({"rate_limit": 1.5}, "rate_limit"),
    ({"daily_quota": 0}, "daily_quota"),
    ({"daily_quota": 2_000_000_001}, "daily_quota"),
    ({"metadata": []}, "metadata"),
    ({"metadata": None}, "metadata"),
    ({"metadata": {"a": "x" * 5000}}, "metadata"),
    ({"metadata": {str(number): 1 for number in range(51)}}, "metadata"),
    ({"metadata": {"a": "\x00"}}, "metadata"),
    ({"metadata": {"a\x00": 1}}, "metadata"),
    ({"metadata": {"a": 1e30}}, "metadata"),
    ({"is_active": "perhaps"}, "is_active"),
    ({"expires_at": "soon"}, "expires_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59.999999Z"}, "expires_at"),
    ({"owner": "me"}, "owner"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD, ids=[str(wrong)[:40] for wrong, _ in BAD])
def test_bad_input_is_named_and_makes_nothing(as_user, wrong, field):
    body = wrong if "name" in wrong or not wrong else {"name": "x", **wrong}
    assert wrong_fields(as_user.post(LIST, body))[0][0] == field
    assert not APIKey.objects.exists()
    assert not AuditEntry.objects.filter(target_type="api_key").exists()


def test_what_is_not_a_field_has_no_effect(as_user, other):
    data = as_user.post(
        LIST, {"name": "x", "digest": "d", "revoked_at": "2020-01-01T00:00:00Z", "created_by": str(other.pk), "prefix": "p"}
    ).json()["data"]
    assert (data["revoked_at"], data["prefix"][:4]) == (None, "atl_")
    assert data["created_by"] != str(other.pk)
