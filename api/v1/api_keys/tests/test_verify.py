"""POST /api/v1/api-keys/verify/"""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from api import gate
from api.tests.answers import assert_anonymous, error, wrong_fields
from api.v1.api_keys.tests.support import LIST
from api_keys import services
from api_keys.material import generate
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.principals import principal_cache

pytestmark = pytest.mark.django_db
VERIFY = f"{LIST}verify/"


def verdict(client, **body):
    response = client.post(VERIFY, body)
    assert response.status_code == 200, response.json()
    return response.json()["data"]


def test_an_anonymous_caller_is_refused_also_with_a_key_in_the_body(api, key):
    assert_anonymous(api.post(VERIFY, {"key": key.raw}))


@pytest.mark.parametrize("environment", ["live", "test"])
def test_the_calling_key_learns_what_it_is_good_for(api, user, environment):
    end = timezone.now() + timedelta(days=1)
    made = make_key(user, environment=environment, scopes=["usage:read", "logs:read"], expires_at=end)
    found = verdict(api.as_key(made.raw))
    assert found.pop("expires_at")[:23] == end.isoformat()[:23]
    assert found == {
        "valid": True,
        "code": None,
        "key_id": str(made.key.pk),
        "owner": str(user.pk),
        "environment": environment,
        "scopes": ["logs:read", "usage:read"],
    }


def test_it_needs_no_scope_and_the_environment_is_also_told_by_me(api, user):
    made = make_key(user, scopes=["account:read"], environment="test")
    assert verdict(api.as_key(make_key(user, scopes=[]).raw))["valid"]
    me = api.as_key(made.raw).get("/api/v1/auth/me/").json()["data"]
    assert me["credential"] == {
        "kind": "api_key",
        "id": str(made.key.pk),
        "scopes": ["account:read"],
        "environment": "test",
    }


def test_a_key_in_the_body_is_looked_at_instead(as_user, as_key, other):
    foreign = make_key(other, scopes=[])
    for client in (as_user, as_key):
        found = verdict(client, key=foreign.raw)
        assert (found["valid"], found["key_id"], found["owner"]) == (True, str(foreign.key.pk), str(other.pk))
        assert found["expires_at"] is None


@pytest.mark.parametrize(
    "raw", ["garbage", "atl_live_garbage", "Bearer x", "a b c", "é", pytest.param(generate("live").raw, id="never made")]
)
def test_what_is_no_key_is_not_valid_and_says_nothing_more(as_user, raw):
    assert verdict(as_user, key=raw) == {
        "valid": False,
        "code": "invalid_api_key",
        "key_id": None,
        "owner": None,
        "environment": None,
        "scopes": [],
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"is_active": False}, "api_key_inactive"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "api_key_expired"),
        ({"revoked_at": timezone.now()}, "api_key_revoked"),
    ],
)
def test_a_key_that_ended_says_why(as_user, user, fields, code):
    made = make_key(user)
    APIKey.objects.filter(pk=made.key.pk).update(**fields)
    found = verdict(as_user, key=made.raw)
    assert (found["valid"], found["code"], found["key_id"]) == (False, code, None)


def test_a_key_that_expires_while_the_gate_remembers_it_is_not_valid(as_user, user):
    made = make_key(user, expires_at=timezone.now() + timedelta(seconds=0.5))
    assert verdict(as_user, key=made.raw)["valid"]
    time.sleep(0.6)
    assert verdict(as_user, key=made.raw)["code"] == "api_key_expired"


def test_a_person_has_to_send_one(as_user):
    assert wrong_fields(as_user.post(VERIFY, {})) == [("key", "required")]


@pytest.mark.parametrize("key", ["", None, 5.5, ["x"], "x" * 201, "a\x00b"])
def test_bad_input_is_named_or_not_valid(as_user, key):
    response = as_user.post(VERIFY, {"key": key}, format="json")
    if response.status_code == 200:
        assert not response.json()["data"]["valid"]
    else:
        assert wrong_fields(response)[0][0] == "key"


def test_asking_is_limited_more_strictly_by_address(as_user, settings):
    gate.sensitive_policy.cache_clear()
    settings.LIMIT_SENSITIVE = "3/60"
    try:
        for _ in range(3):
            assert as_user.post(VERIFY, {"key": "x"}).status_code == 200
        refused = as_user.post(VERIFY, {"key": "x"})
        assert error(refused) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert '"verify";q=3;w=60' in refused.headers["RateLimit-Policy"]
    finally:
        gate.sensitive_policy.cache_clear()


def test_a_repeat_is_never_answered_from_memory(as_user, user):
    made = make_key(user)
    headers = {"Idempotency-Key": "once"}
    assert as_user.post(VERIFY, {"key": made.raw}, headers=headers).json()["data"]["valid"]
    services.revoke_key(key=made.key, actor=user)
    principal_cache().clear()
    assert not as_user.post(VERIFY, {"key": made.raw}, headers=headers).json()["data"]["valid"]
