"""The request gate: who is let in, what is answered to whom it is not, and which limits each request takes."""

import time
from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from api import gate
from api_keys.tests.factories import make_key
from core.limits import Policy, limiter
from core.principals import principal_cache
from users.models import User
from users.services import sessions
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
ME = "/api/v1/auth/me/"


def refusal(response, code):
    assert response.status_code == 401, response.content
    assert response.json()["error"]["code"] == code
    assert "Bearer" in response["WWW-Authenticate"]


@pytest.fixture
def access(user):
    return sessions.open_session(user=user).tokens.access


class TestCredentials:
    def test_without_one_a_restricted_endpoint_is_401_and_an_open_one_is_served(self, api):
        refusal(api.get(ME), "not_authenticated")
        assert api.get("/api/v1/").status_code == 200

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_is_known_in_any_case(self, api, access, scheme):
        assert api.get(ME, HTTP_AUTHORIZATION=f"{scheme} {access}").status_code == 200

    @pytest.mark.parametrize("scheme", ["ApiKey", "apikey", "APIKEY"])
    def test_so_is_the_keys(self, api, key, scheme):
        assert api.get(ME, HTTP_AUTHORIZATION=f"{scheme} {key.raw}").status_code == 200

    @pytest.mark.parametrize(
        "header",
        [
            "",
            " ",
            "Basic dXNlcjpwYXNz",
            "Bearer",
            "Token abc",
            "nonsense",
            "Bearer\tabc",
            "x" * 5000,
            "Digest a=b",
            "ApiKey" * 900,
        ],
    )
    def test_what_is_no_credential_is_refused_on_every_endpoint(self, api, header):
        for path in (ME, "/api/v1/"):
            response = api.get(path, HTTP_AUTHORIZATION=header)
            assert response.status_code == 401
            assert response.json()["error"]["code"] in ("invalid_credentials", "invalid_token", "invalid_api_key")

    @pytest.mark.parametrize("raw", ["x", "atl_live_", "atl_live_" + "0" * 49, "\x00", "é" * 10, "' OR 1=1 --"])
    def test_a_key_that_cannot_be_one_is_refused_without_asking_the_database(self, api, raw):
        with CaptureQueriesContext(connection) as queries:
            refusal(api.get(ME, HTTP_AUTHORIZATION=f"ApiKey {raw}"), "invalid_api_key")
        assert len(queries) == 0

    @given(st.text(st.characters(max_codepoint=255), max_size=100))
    def test_no_header_brings_the_gate_down(self, text):
        from conftest import Caller

        response = Caller(raise_request_exception=False).get("/api/v1/nothing-here/", HTTP_AUTHORIZATION=text)
        assert response.status_code == 404
        response = Caller().get("/api/v1/", HTTP_AUTHORIZATION=f"Bearer {text}")
        assert response.status_code == 401

    def test_a_token_past_its_end_is_refused_also_while_it_is_still_cached(self, as_user):
        assert as_user.get(ME).status_code == 200
        ((_, cached),) = principal_cache()._known.values()
        with time_machine.travel(cached.expires_at - 0.5, tick=False):
            assert as_user.get(ME).status_code == 200
        with time_machine.travel(cached.expires_at + 0.1, tick=False):
            refusal(as_user.get(ME), "invalid_token")

    def test_a_key_past_its_end_is_refused_also_while_it_is_still_cached(self, api, user):
        key = make_key(user, expires_at=timezone.now() + timedelta(hours=1))
        caller = api.as_key(key.raw)
        assert caller.get(ME).status_code == 200
        with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=True):
            refusal(caller.get(ME), "api_key_expired")

    def test_a_key_bound_to_networks_is_refused_from_elsewhere_also_while_it_is_cached(self, api, user):
        caller = api.as_key(make_key(user, allowed_networks=["203.0.113.0/24"]).raw)
        assert caller.get(ME, REMOTE_ADDR="203.0.113.9").status_code == 200
        refusal(caller.get(ME, REMOTE_ADDR="203.0.114.9"), "address_not_allowed")
        refusal(caller.get(ME, REMOTE_ADDR=""), "address_not_allowed")
        assert caller.get(ME, REMOTE_ADDR="::ffff:203.0.113.9").status_code == 200
        assert ip_network("203.0.113.0/24")

    def test_a_forwarded_address_is_not_believed_without_a_proxy(self, api, user):
        caller = api.as_key(make_key(user, allowed_networks=["203.0.113.0/24"]).raw)
        refusal(caller.get(ME, REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.9"), "address_not_allowed")

    def test_an_account_that_is_gone_while_the_process_still_knows_it_is_401_and_not_500(self, as_user, user):
        assert as_user.get(ME).status_code == 200
        # Past every service, so nobody was told.
        User.objects.filter(pk=user.pk).update(is_active=False)
        refusal(as_user.post("/api/v1/auth/sessions/revoke-others/"), "not_authenticated")


class TestCache:
    def test_a_known_caller_costs_no_query_for_its_credential(self, as_key):
        as_key.get("/api/v1/api-keys/scopes/")
        with CaptureQueriesContext(connection) as queries:
            assert as_key.get("/api/v1/api-keys/scopes/").status_code == 200
        assert len(queries) == 0

    def test_an_unknown_caller_costs_one(self, as_key, as_user):
        for caller in (as_key, as_user):
            principal_cache().clear()
            with CaptureQueriesContext(connection) as queries:
                caller.get("/api/v1/api-keys/scopes/")
            assert len(queries) == 1

    def test_the_raw_credential_is_nowhere_in_the_cache(self, as_key, key):
        as_key.get(ME)
        assert key.raw not in repr(principal_cache()._known)

    def test_garbage_takes_no_place_in_it(self, api):
        for number in range(20):
            api.get(ME, HTTP_AUTHORIZATION=f"ApiKey nonsense{number}")
            api.get(ME, HTTP_AUTHORIZATION=f"Bearer nonsense{number}")
        assert len(principal_cache()) == 0


class TestLimits:
    @pytest.fixture
    def policies(self, monkeypatch):
        """Small limits for everybody and for sensitive operations."""
        limiter().forget()
        monkeypatch.setattr(gate, "anonymous_policy", lambda: Policy("anonymous", 3, 60))
        monkeypatch.setattr(gate, "sensitive_policy", lambda name: Policy(name, 2, 60))

    def statuses(self, call, count):
        return [call().status_code for _ in range(count)]

    def test_an_address_without_a_credential_has_its_limit_and_another_its_own(self, api, policies):
        assert self.statuses(lambda: api.get("/api/v1/"), 5) == [200] * 3 + [429] * 2
        assert api.get("/api/v1/", REMOTE_ADDR="203.0.113.7").status_code == 200

    def test_the_addresses_of_one_ipv6_customer_share_a_limit(self, api, policies):
        numbers = iter(range(1, 10))
        assert self.statuses(lambda: api.get("/api/v1/", REMOTE_ADDR=f"2001:db8::{next(numbers)}"), 4) == [200] * 3 + [429]
        assert api.get("/api/v1/", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200

    def test_an_unknown_address_is_limited_too(self, api, policies):
        assert self.statuses(lambda: api.get("/api/v1/", REMOTE_ADDR=""), 4) == [200] * 3 + [429]

    def test_guessing_credentials_uses_up_the_limit_of_the_address(self, api, policies):
        guess = lambda: api.get(ME, HTTP_AUTHORIZATION="ApiKey guess")  # noqa: E731
        assert self.statuses(guess, 5) == [401] * 3 + [429] * 2

    def test_who_guesses_beside_a_person_does_not_lock_it_out(self, api, as_user, policies):
        self.statuses(lambda: api.get(ME, HTTP_AUTHORIZATION="ApiKey guess"), 5)
        assert as_user.get(ME).status_code == 200

    def test_a_sensitive_operation_has_a_stricter_limit_for_each_address(self, api, policies):
        login = lambda: api.post("/api/v1/auth/login/", {"username": "a", "password": "b"})  # noqa: E731
        assert self.statuses(login, 4) == [401] * 2 + [429] * 2
        assert api.get("/api/v1/").status_code == 200, "another operation is not held up"

    def test_both_limits_of_a_sensitive_operation_are_told(self, api, policies):
        response = api.post("/api/v1/auth/login/", {"username": "a", "password": "b"})
        assert response["RateLimit-Policy"] == '"login";q=2;w=60, "anonymous";q=3;w=60'
        first, second = response["RateLimit"].split(", ")
        assert first.startswith('"login";r=1;t=')
        assert second.startswith('"anonymous";r=2;t=')

    def test_a_person_is_limited_over_all_its_sessions(self, api, user, monkeypatch):
        monkeypatch.setattr("users.selectors.user_policy", lambda: Policy("default", 4, 60))
        one, two = api.as_user(user), api.as_user(user)
        assert self.statuses(lambda: one.get(ME), 2) + self.statuses(lambda: two.get(ME), 3) == [200] * 4 + [429]

    def test_a_key_has_its_own_minute_and_day_and_its_owner_another(self, api, user):
        key = make_key(user, rate_limit=5, daily_quota=3)
        caller = api.as_key(key.raw)
        answers = [caller.get(ME) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
        assert answers[0]["RateLimit-Policy"] == '"default";q=5;w=60, "daily";q=3;w=86400'
        assert answers[3].json()["error"]["code"] == "quota_exceeded"
        assert 1 <= int(answers[3]["Retry-After"]) <= 86_400
        assert api.as_user(user).get(ME).status_code == 200
        assert api.as_key(make_key(user).raw).get(ME).status_code == 200

    def test_a_minute_used_up_is_told_apart_from_a_day(self, api, user):
        caller = api.as_key(make_key(user, rate_limit=2, daily_quota=100).raw)
        answers = [caller.get(ME) for _ in range(3)]
        assert answers[2].json()["error"]["code"] == "rate_limited"

    def test_refused_calls_count_too(self, api, user):
        caller = api.as_key(make_key(user, rate_limit=3, scopes=[]).raw)
        assert self.statuses(lambda: caller.get(ME), 4) == [403] * 3 + [429]

    def test_a_limited_request_does_nothing(self, api, admin, monkeypatch):
        monkeypatch.setattr("users.selectors.user_policy", lambda: Policy("default", 1, 60))
        caller = api.as_user(admin)
        victim = make_user()
        caller.get(ME)
        assert caller.delete(f"/api/v1/users/{victim.pk}/").status_code == 429
        assert User.objects.filter(pk=victim.pk).exists()

    def test_unknown_paths_are_limited_by_address_whoever_calls(self, as_user, policies):
        assert self.statuses(lambda: as_user.get("/api/v1/nothing/"), 5) == [404] * 3 + [429] * 2

    def test_every_answer_tells_the_state_of_its_limits(self, as_key):
        first, second = as_key.get(ME), as_key.get(ME)
        left = [int(answer["RateLimit"].split("r=")[1].split(";")[0]) for answer in (first, second)]
        assert left[0] - left[1] == 1

    def test_limits_hold_while_redis_is_away_and_requests_are_served(self, api, policies, monkeypatch):
        from core.redis import breaker
        from core.tests.support import lost_redis

        lost = lost_redis()
        monkeypatch.setattr("core.redis.client", lambda: lost)
        try:
            assert self.statuses(lambda: api.get("/api/v1/"), 5) == [200] * 3 + [429] * 2
        finally:
            breaker()._away_until = 0.0


class TestPolicies:
    def test_they_are_read_from_the_settings(self, settings):
        for cached in (gate.anonymous_policy, gate.sensitive_policy):
            cached.cache_clear()
        settings.LIMIT_ANONYMOUS, settings.LIMIT_SENSITIVE = "7/30", "5/10"
        try:
            assert gate.anonymous_policy() == Policy("anonymous", 7, 30)
            assert gate.sensitive_policy("login") == Policy("login", 5, 10)
        finally:
            for cached in (gate.anonymous_policy, gate.sensitive_policy):
                cached.cache_clear()


def test_the_lean_way_and_drfs_own_give_the_same_caller(rf, access, user):
    from rest_framework.request import Request

    from api.authentication import GateAuthentication

    authentication = GateAuthentication()
    assert authentication.authenticate(Request(rf.get("/"))) is None
    found, principal = authentication.authenticate(Request(rf.get("/", HTTP_AUTHORIZATION=f"Bearer {access}")))
    assert (found.pk, principal.user_id) == (user.pk, user.pk)
    assert "ApiKey" in authentication.authenticate_header(Request(rf.get("/")))
    assert principal.expires_at > time.time()
