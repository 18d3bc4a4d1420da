"""GET, PATCH and DELETE /api/v1/api-keys/{id}/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error, wrong_fields
from api.v1.api_keys.tests.support import LIST, detail
from api_keys import services
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.models import AuditEntry

pytestmark = pytest.mark.django_db
METHODS = ["get", "patch", "delete"]


@pytest.fixture
def made(user):
    return make_key(user, name="before", rate_limit=5)


@pytest.fixture
def untouched(made):
    """Afterwards the key is as it was, and the audit trail knows of its making only."""
    before = APIKey.objects.filter(pk=made.key.pk).values().get()
    yield
    assert APIKey.objects.filter(pk=made.key.pk).values().get() == before
    assert list(AuditEntry.objects.filter(target_id=made.key.pk).values_list("action", flat=True)) == ["api_key.created"]


def call(client, method, key):
    return getattr(client, method)(detail(key), *([{"name": "after"}] if method == "patch" else []))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("method", METHODS)
class TestWhoMayNot:
    def test_an_anonymous_caller(self, api, made, method):
        assert_anonymous(call(api, method, made.key))

    def test_an_outsider_is_told_nothing(self, as_other, made, method):
        assert error(call(as_other, method, made.key)) == (404, "not_found")

    def test_a_guest(self, as_guest, made, method):
        assert error(call(as_guest, method, made.key)) == (403, "account_required")

    def test_a_key_without_the_scope(self, as_bare_key, made, method):
        assert_lacks_scope(call(as_bare_key, method, made.key), "api_keys:read" if method == "get" else "api_keys:write")

    def test_a_key_of_an_outsider(self, api, other, made, method):
        assert error(call(api.as_key(make_key(other).raw), method, made.key)) == (404, "not_found")

    def test_a_key_that_is_not_there(self, as_user, as_admin, made, method):
        for client in (as_user, as_admin):
            path = f"{LIST}{uuid4()}/"
            assert error(getattr(client, method)(path)) == (404, "not_found")


@pytest.mark.usefixtures("untouched")
def test_a_reading_key_changes_nothing(as_reading_key, made):
    assert_lacks_scope(call(as_reading_key, "patch", made.key), "api_keys:write")
    assert_lacks_scope(call(as_reading_key, "delete", made.key), "api_keys:write")
    assert call(as_reading_key, "get", made.key).status_code == 200


class TestReading:
    def test_owner_administrator_and_key_see_the_same_row(self, as_user, as_admin, as_key, made):
        rows = [client.get(detail(made.key)).json()["data"] for client in (as_user, as_admin, as_key)]
        assert rows[0] == rows[1] == rows[2]
        assert (rows[0]["id"], rows[0]["name"], rows[0]["rate_limit"]) == (str(made.key.pk), "before", 5)
        assert rows[0]["created_at"].endswith("Z")
        assert made.raw not in str(rows)

    @pytest.mark.parametrize("path", [f"{LIST}x/", f"{LIST}{'1' * 36}/", f"{LIST}%00/"])
    def test_what_is_no_id_is_not_found(self, as_user, path):
        assert error(as_user.get(path)) == (404, "not_found")

    def test_it_costs_one_query(self, as_user, made, django_assert_num_queries):
        as_user.get(detail(made.key))
        with django_assert_num_queries(1):
            as_user.get(detail(made.key))


class TestChanging:
    def test_some_fields_are_set_and_the_rest_is_kept(self, as_user, made):
        data = as_user.patch(detail(made.key), {"name": "after", "allowed_networks": ["10.0.0.1/8"]}).json()["data"]
        assert (data["name"], data["allowed_networks"], data["rate_limit"]) == ("after", ["10.0.0.0/8"], 5)
        assert APIKey.objects.get().name == "after"
        assert "key" not in data

    def test_limits_and_end_are_taken_away_with_null(self, as_user, user):
        made = make_key(user, rate_limit=5, daily_quota=5, expires_at=timezone.now() + timedelta(days=1))
        data = as_user.patch(detail(made.key), {"rate_limit": None, "daily_quota": None, "expires_at": None}).json()["data"]
        assert (data["rate_limit"], data["daily_quota"], data["expires_at"]) == (None, None, None)

    def test_nothing_is_a_change_of_nothing(self, as_user, made):
        assert as_user.patch(detail(made.key), {}).status_code == 200
        assert not AuditEntry.objects.filter(action="api_key.updated").exists()

    def test_an_administrator_changes_anybodys_and_it_is_written_down(self, as_admin, admin, made):
        as_admin.patch(detail(made.key), {"rate_limit": 9})
        entry = AuditEntry.objects.get(action="api_key.updated")
        assert (entry.actor_id, entry.changes) == (admin.pk, {"rate_limit": [5, 9]})

    def test_a_key_switched_off_and_on(self, as_user, made):
        assert as_user.patch(detail(made.key), {"is_active": False}).json()["data"]["status"] == "inactive"
        assert as_user.patch(detail(made.key), {"is_active": True}).json()["data"]["status"] == "active"

    def test_a_revoked_key_stays_revoked(self, as_user, made, user):
        services.revoke_key(key=made.key, actor=user)
        assert error(as_user.patch(detail(made.key), {"is_active": True})) == (409, "api_key_revoked")
        assert APIKey.objects.get().status == "revoked"

    @pytest.mark.usefixtures("untouched")
    def test_a_key_gives_no_scope_it_lacks_to_itself_or_others(self, api, user, made):
        calling = make_key(user, scopes=["api_keys:write"])
        client = api.as_key(calling.raw)
        for key in (made.key, calling.key):
            assert error(client.patch(detail(key), {"scopes": ["logs:read"]})) == (403, "scope_not_grantable")
        assert APIKey.objects.get(pk=calling.key.pk).scopes == ["api_keys:write"]

    @pytest.mark.usefixtures("untouched")
    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"scopes": ["moon:land"]}, "scopes"),
            ({"allowed_networks": ["here"]}, "allowed_networks"),
            ({"rate_limit": 0}, "rate_limit"),
            ({"daily_quota": "x"}, "daily_quota"),
            ({"metadata": "x"}, "metadata"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"is_active": None}, "is_active"),
        ],
    )
    def test_bad_input_is_named(self, as_user, made, wrong, field):
        assert wrong_fields(as_user.patch(detail(made.key), wrong))[0][0] == field

    @pytest.mark.usefixtures("untouched")
    def test_owner_and_environment_are_what_they_are(self, as_user, made, other):
        assert as_user.patch(detail(made.key), {"owner": str(other.pk), "environment": "test", "digest": "x"}).status_code == 200


class TestRevoking:
    def test_it_ends_the_key_for_good_and_twice_is_harmless(self, as_user, made):
        for _ in range(2):
            response = as_user.delete(detail(made.key))
            assert (response.status_code, response.content) == (204, b"")
        assert as_user.get(detail(made.key)).json()["data"]["status"] == "revoked"
        assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1

    def test_an_administrator_revokes_anybodys(self, as_admin, admin, made):
        assert as_admin.delete(detail(made.key)).status_code == 204
        assert AuditEntry.objects.get(action="api_key.revoked").actor_id == admin.pk

    def test_a_key_may_revoke_itself(self, api, user):
        calling = make_key(user, scopes=["api_keys:write"])
        assert api.as_key(calling.raw).delete(detail(calling.key)).status_code == 204
        assert APIKey.objects.get().status == "revoked"


@pytest.mark.parametrize("method", ["put", "post"])
def test_other_methods_are_not_allowed(as_user, made, method):
    assert error(getattr(as_user, method)(detail(made.key), {})) == (405, "method_not_allowed")
