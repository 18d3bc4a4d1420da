"""Policies: what `quota/window` means and how it is said in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import Decision, Policy, parse_policy


def test_a_policy_is_read_from_quota_and_seconds():
    assert parse_policy("login", "20/60") == Policy("login", 20, 60)
    assert parse_policy("closed", "0/1") == Policy("closed", 0, 1)


@pytest.mark.parametrize("text", ["", "20", "/60", "20/", "20/0", "-1/60", "a/b", "1.5/60", "20/60/60", "20 / 60", "20/-60"])
def test_a_malformed_limit_is_refused_and_named(text):
    with pytest.raises(ValueError, match="login"):
        parse_policy("login", text)


@given(st.integers(1, 86_400), st.booleans())
def test_buckets_cover_the_window_and_a_lease_is_short(window, fixed):
    policy = Policy("p", 10, window, fixed)
    assert 1 <= policy.lease_ms <= 1000
    if fixed:
        assert policy.bucket_ms == window * 1000
    else:
        assert policy.bucket_ms * 60 >= window * 1000
        # A unit counts for at most a sixtieth and a lease longer than the window.
        assert policy.bucket_ms <= window * 1000 / 60 + 1


@pytest.mark.parametrize(("reset", "said"), [(0.0, 0), (0.001, 1), (1.0, 1), (29.2, 30), (-3.0, 0)])
def test_headers_tell_the_policy_what_is_left_and_whole_seconds_rounded_up(reset, said):
    policy = Policy("default", 100, 60)
    assert policy.header == '"default";q=100;w=60'
    assert Decision(True, policy, 50, reset).header == f'"default";r=50;t={said}'
