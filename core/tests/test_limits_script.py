"""The Lua scripts in a real Redis, on a clock of the test: never more than the quota in any window, whatever the leases."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.limits.policy import Policy
from core.limits.script import REFUND, TAKE
from core.redis import client

CLOCK = "redis.call('TIME')"
START_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def take():
    """The script with the test's time in place of Redis's: (policy, key, now ms, want, back, origin) -> reply."""
    assert TAKE.count(CLOCK) == 1
    script = client().register_script(TAKE.replace(CLOCK, "{ARGV[9], ARGV[10]}"))

    def call(policy, key, now_ms, want=1, back=0, origin="0"):
        seconds, rest = divmod(now_ms, 1000)
        reply = script(
            keys=[key],
            args=[
                policy.quota,
                policy.bucket_ms,
                policy.window * 1000,
                policy.lease_ms,
                int(policy.fixed),
                want,
                back,
                origin,
                seconds,
                rest * 1000,
            ],
        )
        return int(reply[0]), int(reply[1]), int(reply[2]), reply[3].decode()

    return call


class Process:
    """Leases as one process holds them: units, where they came from and how long they may be used."""

    def __init__(self):
        self.units, self.bucket, self.expires = 0, "0", 0

    def use(self, take, policy, key, now, want):
        """One request at `now`; whether it was admitted."""
        if not (self.units and now < self.expires):
            granted, remaining, reset, self.bucket = take(policy, key, now, want, self.units, self.bucket)
            assert 0 <= granted <= want
            assert 0 <= remaining <= policy.quota
            self.units = granted
            self.expires = now + (min(policy.lease_ms, reset) if policy.fixed else policy.lease_ms)
        if self.units:
            self.units -= 1
            return True
        return False


def most_in_any_window(times, window_ms):
    """The largest number of `times` within any half-open window."""
    return max((sum(1 for t in times if start <= t < start + window_ms) for start in times), default=0)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 700) | st.sampled_from([0, 16, 17, 999, 1000, 1001, 1017, 2500]),  # ms since the step before
        st.integers(0, 2),  # which process
        st.integers(1, 40),  # units it wants
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=st.integers(0, 12), window=st.integers(1, 3), steps=STEPS, offset=st.integers(0, 1000))
def test_no_window_ever_holds_more_than_the_quota_whatever_is_leased(take, quota, window, steps, offset):
    client().delete("p")
    policy = Policy("p", quota, window)
    processes = [Process() for _ in range(3)]
    now, admitted = START_MS + offset, []
    for wait, number, want in steps:
        now += wait
        if processes[number].use(take, policy, "p", now, want):
            admitted.append(now)
    assert most_in_any_window(admitted, window * 1000) <= quota


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=st.integers(1, 6), window=st.integers(1, 3), waits=st.lists(st.integers(0, 900), min_size=1, max_size=50))
def test_single_units_are_admitted_as_by_an_exact_sliding_window_but_for_one_bucket_and_a_lease(take, quota, window, waits):
    client().delete("p")
    policy = Policy("p", quota, window)
    slack = policy.bucket_ms + policy.lease_ms
    now, admitted = START_MS, []
    for wait in waits:
        now += wait
        granted, remaining, reset, _ = take(policy, "p", now)
        strictly = sum(1 for t in admitted if t > now - window * 1000)
        generously = sum(1 for t in admitted if t > now - window * 1000 - slack)
        if granted:
            assert strictly < quota
            admitted.append(now)
        else:
            assert generously >= quota, "refused although the window has room"
            # The wait it names is long enough: one millisecond before, the oldest unit still counts.
            assert 0 < reset <= window * 1000 + slack
        assert remaining >= 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=st.integers(0, 8), steps=STEPS)
def test_a_fixed_window_admits_exactly_its_quota_in_each_calendar_window(take, quota, steps):
    client().delete("p")
    policy = Policy("daily", quota, 2, fixed=True)
    now, admitted, asked = START_MS, Counter(), Counter()
    for wait, _, _ in steps:
        now += wait
        granted, remaining, reset, bucket = take(policy, "p", now)
        assert bucket == str(now // 2000)
        assert reset == 2000 - now % 2000
        admitted[bucket] += granted
        asked[bucket] += 1
        assert remaining == quota - admitted[bucket]
    assert admitted == {bucket: min(quota, count) for bucket, count in asked.items()}


def test_waiting_as_long_as_the_refusal_says_is_enough_and_not_too_long(take):
    policy = Policy("p", 2, 60)
    for _ in range(2):
        assert take(policy, "wait", START_MS)[0] == 1
    granted, _, reset, _ = take(policy, "wait", START_MS + 10_000)
    assert granted == 0
    assert take(policy, "wait", START_MS + 10_000 + reset - 1)[0] == 0
    assert take(policy, "wait", START_MS + 10_000 + reset)[0] == 1


def test_units_given_back_can_be_taken_again_at_once_and_never_twice(take):
    policy = Policy("p", 10, 60)
    granted, _, _, bucket = take(policy, "back", START_MS, want=10)
    assert granted == 10
    assert take(policy, "back", START_MS)[0] == 0
    granted, remaining, _, _ = take(policy, "back", START_MS + 1, want=1, back=4, origin=bucket)
    assert (granted, remaining) == (1, 3)
    # Giving back more than the bucket holds, or to one that has gone, makes nothing up.
    assert take(policy, "back", START_MS + 2, want=100, back=1000, origin=bucket)[0] == 10
    assert take(policy, "back", START_MS + 3, want=100, back=1000, origin="1")[0] == 0


def test_an_unused_key_leaves_redis_by_itself(take):
    policy = Policy("p", 10, 60)
    take(policy, "ends", START_MS)
    life = client().pttl("ends")
    # Longer than a unit counts, not much longer.
    assert 62_000 < life <= 64_000


def test_a_refund_takes_one_unit_off_the_newest_bucket_and_stops_at_nothing(take):
    policy = Policy("p", 3, 60)
    refund = client().register_script(REFUND)
    take(policy, "refund", START_MS, want=2)
    take(policy, "refund", START_MS + 5000)
    assert take(policy, "refund", START_MS + 5001)[0] == 0
    assert refund(keys=["refund"]) == 1
    # The newest is gone, the two old ones still count.
    assert client().hgetall("refund") == {str(START_MS // 1000).encode(): b"2"}
    assert [refund(keys=["refund"]) for _ in range(4)] == [1, 1, 0, 0]
    assert client().exists("refund") == 0
