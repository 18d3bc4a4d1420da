"""A key at the gate: its limits and networks are enforced and told, its end is felt at once."""

import time

import pytest
from django.db import connection
from django.test import override_settings

from api.tests.answers import error
from api.v1.api_keys.tests.support import detail
from api_keys.tests.factories import make_key
from core.principals import principal_cache

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me/"


class TestLimits:
    def test_the_minute_limit_is_told_counted_down_and_enforced(self, api, user):
        client = api.as_key(make_key(user, rate_limit=3).raw)
        left = []
        for _ in range(3):
            response = client.get(ME)
            assert response.status_code == 200
            assert response.headers["RateLimit-Policy"] == '"default";q=3;w=60'
            left.append(response.headers["RateLimit"].split(";")[1])
        assert left == ["r=2", "r=1", "r=0"]
        refused = client.get(ME)
        assert error(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 65
        assert refused.headers["RateLimit"].startswith('"default";r=0;t=')

    def test_the_daily_quota_is_told_beside_it_and_ends_at_midnight(self, api, user):
        client = api.as_key(make_key(user, rate_limit=1000, daily_quota=2).raw)
        for _ in range(2):
            response = client.get(ME)
            assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"default";q=1000;w=60, "daily";q=2;w=86400'
        refused = client.get(ME)
        assert error(refused) == (429, "quota_exceeded")
        assert int(refused.headers["Retry-After"]) == pytest.approx(86_400 - time.time() % 86_400, abs=5)

    def test_each_key_of_an_owner_counts_alone(self, api, user):
        one, two = (api.as_key(make_key(user, rate_limit=1).raw) for _ in range(2))
        assert [one.get(ME).status_code, one.get(ME).status_code, two.get(ME).status_code] == [200, 429, 200]

    def test_refused_calls_count_too(self, api, user):
        client = api.as_key(make_key(user, rate_limit=2, scopes=[]).raw)
        assert [client.get(ME).status_code for _ in range(3)] == [403, 403, 429]

    def test_a_lowered_limit_holds_at_once_for_what_was_already_used(self, api, as_user, user):
        made = make_key(user, rate_limit=100)
        client = api.as_key(made.raw)
        for _ in range(5):
            client.get(ME)
        as_user.patch(detail(made.key), {"rate_limit": 3})
        principal_cache().clear()
        assert client.get(ME).status_code == 429


class TestNetworks:
    @pytest.mark.parametrize(
        ("networks", "address", "status"),
        [
            (["192.0.2.0/24"], "192.0.2.77", 200),
            (["192.0.2.0/24"], "192.0.3.1", 401),
            (["2001:db8::/32"], "2001:db8::5", 200),
            (["2001:db8::/32"], "2001:db9::5", 401),
            (["192.0.2.0/24"], "::ffff:192.0.2.9", 200),
        ],
    )
    def test_the_address_of_the_caller_decides(self, api, user, networks, address, status):
        client = api.as_key(make_key(user, allowed_networks=networks).raw)
        response = client.get(ME, REMOTE_ADDR=address)
        assert response.status_code == status
        if status == 401:
            assert error(response) == (401, "address_not_allowed")
            assert response.headers["WWW-Authenticate"]

    def test_what_a_client_says_of_itself_is_not_believed_but_a_trusted_proxy_is(self, api, user):
        client = api.as_key(make_key(user, allowed_networks=["192.0.2.0/24"]).raw)
        headers = {"X-Forwarded-For": "192.0.2.1"}
        assert client.get(ME, headers=headers, REMOTE_ADDR="203.0.113.9").status_code == 401
        with override_settings(TRUSTED_PROXY_COUNT=1):
            assert client.get(ME, headers=headers, REMOTE_ADDR="203.0.113.9").status_code == 200
            forged = {"X-Forwarded-For": "192.0.2.1, 203.0.113.9"}
            assert client.get(ME, headers=forged, REMOTE_ADDR="10.0.0.1").status_code == 401


@pytest.mark.django_db(transaction=True)
class TestTheEnd:
    """With the listener of this process at work, as in every server process."""

    def until_refused(self, client):
        started = time.monotonic()
        while (response := client.get(ME)).status_code == 200:
            assert time.monotonic() - started < 1.0, "still admitted after a second"
            time.sleep(0.01)
        return error(response)

    @pytest.fixture
    def made(self, user):
        return make_key(user)

    @pytest.fixture
    def client(self, api, made):
        """A caller whose key the cache of this process knows, with the listener listening."""
        client = api.as_key(made.raw)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not listening():
            client.get(ME)
            time.sleep(0.02)
        assert client.get(ME).status_code == 200
        return client

    def test_revoking_is_felt_within_a_second(self, client, as_user, made):
        as_user.delete(detail(made.key))
        assert self.until_refused(client) == (401, "api_key_revoked")

    def test_switching_off_and_on_is_felt_within_a_second(self, client, as_user, made):
        as_user.patch(detail(made.key), {"is_active": False})
        assert self.until_refused(client) == (401, "api_key_inactive")
        as_user.patch(detail(made.key), {"is_active": True})
        started = time.monotonic()
        while client.get(ME).status_code != 200:
            assert time.monotonic() - started < 1.0, "still refused after a second"
            time.sleep(0.01)

    def test_narrowing_the_scopes_is_felt_within_a_second(self, client, as_user, made):
        as_user.patch(detail(made.key), {"scopes": []})
        assert self.until_refused(client) == (403, "insufficient_scope")

    def test_narrowing_the_networks_is_felt_within_a_second(self, client, as_user, made):
        as_user.patch(detail(made.key), {"allowed_networks": ["10.0.0.0/8"]})
        assert self.until_refused(client) == (401, "address_not_allowed")


def listening():
    """Whether a connection of this database listens for changed principals."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query IN ('LISTEN atelier_principals', 'SELECT 1')")
        return cursor.fetchone()[0] > 0
