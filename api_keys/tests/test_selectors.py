"""From a raw key to a principal, or to the reason why not."""

import ipaddress
import math
from datetime import timedelta

import pytest
from django.utils import timezone

from api_keys import selectors, services
from api_keys.material import generate
from api_keys.models import APIKey
from api_keys.tests.factories import make_key

pytestmark = pytest.mark.django_db
YESTERDAY, TOMORROW = timedelta(days=-1), timedelta(days=1)


def change(made, **fields):
    """Set columns as no service would."""
    APIKey.objects.filter(pk=made.key.pk).update(**fields)


def test_a_usable_key_stands_for_its_owner_with_its_scopes_and_environment(user):
    made = make_key(user, scopes=["usage:read", "logs:read"], environment="test")
    principal = selectors.key_outcome(made.raw)
    assert principal.kind == "api_key"
    assert (principal.user_id, principal.api_key_id, principal.session_id) == (user.pk, made.key.pk, None)
    assert principal.scopes == {"usage:read", "logs:read"}
    assert principal.environment == "test"
    assert not principal.is_staff
    assert principal.expires_at == math.inf


def test_it_costs_one_query(user, django_assert_num_queries):
    made = make_key(user)
    with django_assert_num_queries(1):
        selectors.key_outcome(made.raw)


def test_garbage_costs_none(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert selectors.key_outcome("atl_live_garbage").code == "invalid_api_key"


def test_a_key_that_was_never_made_is_not_valid(db):
    assert selectors.key_outcome(generate("live").raw).code == "invalid_api_key"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"revoked_at": timezone.now()}, "api_key_revoked"),
        ({"is_active": False}, "api_key_inactive"),
        ({"expires_at": timezone.now() + YESTERDAY}, "api_key_expired"),
        ({"revoked_at": timezone.now(), "is_active": False, "expires_at": timezone.now() + YESTERDAY}, "api_key_revoked"),
    ],
)
def test_each_state_that_ends_a_key_is_refused_by_name(user, fields, code):
    made = make_key(user)
    change(made, **fields)
    assert selectors.key_outcome(made.raw).code == code


def test_the_key_of_a_deactivated_owner_is_not_valid(user):
    made = make_key(user)
    user.is_active = False
    user.save()
    assert selectors.key_outcome(made.raw).code == "invalid_api_key"


def test_the_principal_knows_when_the_key_ends(user):
    end = timezone.now() + TOMORROW
    assert selectors.key_outcome(make_key(user, expires_at=end).raw).expires_at == pytest.approx(end.timestamp(), abs=1e-5)


def test_a_key_without_limits_has_the_default_one_a_minute(user):
    principal = selectors.key_outcome(make_key(user).raw)
    assert [(policy.name, key) for policy, key in principal.limits] == [("default", f"key:{principal.credential_id}")]
    assert principal.limits[0][0].quota == selectors.default_policy().quota


def test_a_keys_own_limits_are_a_sliding_minute_and_a_utc_day(user):
    principal = selectors.key_outcome(make_key(user, rate_limit=7, daily_quota=70).raw)
    (minute, _), (day, _) = principal.limits
    assert (minute.quota, minute.window, minute.fixed) == (7, 60, False)
    assert (day.name, day.quota, day.window, day.fixed) == ("daily", 70, 86_400, True)


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ([], "203.0.113.9", True),
        ([], None, True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.7"], "10.0.0.7", True),
        (["10.0.0.7"], "10.0.0.8", False),
        (["2001:db8::/32"], "2001:db8:1::9", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["2001:db8::/32"], "10.0.0.1", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        (["10.0.0.0/8"], None, False),
        (["10.0.0.0/8"], "nonsense", False),
    ],
)
def test_an_allowed_network_is_matched_as_cidr_for_both_families(user, networks, address, allowed):
    principal = selectors.key_outcome(make_key(user, allowed_networks=networks).raw)
    assert principal.allows_address(address) is allowed


def test_networks_are_parsed_once_into_the_principal(user):
    principal = selectors.key_outcome(make_key(user, allowed_networks=["10.0.0.0/8"]).raw)
    assert principal.networks == (ipaddress.ip_network("10.0.0.0/8"),)


def test_the_principal_of_an_administrators_key_is_staff(admin):
    assert selectors.key_outcome(make_key(admin).raw).is_staff


def test_usable_leaves_out_what_the_gate_would_refuse(user):
    good = make_key(user)
    change(make_key(user), is_active=False)
    change(make_key(user), expires_at=timezone.now() + YESTERDAY)
    services.revoke_key(key=make_key(user).key, actor=user)
    assert list(APIKey.objects.usable()) == [good.key]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "active"),
        ({"is_active": False}, "inactive"),
        ({"expires_at": timezone.now() + YESTERDAY, "is_active": False}, "expired"),
        ({"revoked_at": timezone.now(), "expires_at": timezone.now() + YESTERDAY}, "revoked"),
    ],
)
def test_a_key_knows_its_status(user, fields, status):
    made = make_key(user)
    change(made, **fields)
    assert APIKey.objects.get().status == status


def test_a_key_shows_itself_masked(user):
    made = make_key(user, name="backend")
    assert str(made.key) == f"backend ({made.raw[:13]}…{made.raw[-4:]})"
    assert made.raw not in repr(APIKey.objects.values().get())
