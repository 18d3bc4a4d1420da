"""The window of one process alone: the same promise, on a clock of the test."""

from hypothesis import given
from hypothesis import strategies as st

from core.limits.local import LocalWindow
from core.limits.policy import Policy


@given(quota=st.integers(0, 8), window=st.integers(1, 3), waits=st.lists(st.integers(0, 1500), max_size=80))
def test_no_window_holds_more_than_the_quota_and_room_is_used(quota, window, waits):
    policy = Policy("p", quota, window)
    now = 1_800_000_000_000
    local = LocalWindow(policy, clock=lambda: now / 1000)
    admitted: list[int] = []
    for wait in waits:
        now += wait
        ok, remaining, reset = local.take()
        strictly = sum(1 for t in admitted if t > now - window * 1000)
        generously = sum(1 for t in admitted if t > now - window * 1000 - policy.bucket_ms)
        if ok:
            assert strictly < quota
            admitted.append(now)
        else:
            assert generously >= quota
        assert 0 <= remaining <= quota
        assert 0 < reset <= window + policy.bucket_ms / 1000


@given(quota=st.integers(0, 8), waits=st.lists(st.integers(0, 1500), max_size=80))
def test_a_fixed_window_counts_each_calendar_window_anew(quota, waits):
    policy = Policy("p", quota, 2, fixed=True)
    now = 1_800_000_000_000
    local = LocalWindow(policy, clock=lambda: now / 1000)
    used: dict[int, int] = {}
    for wait in waits:
        now += wait
        ok, remaining, reset = local.take()
        day = now // 2000
        assert ok == (used.get(day, 0) < quota)
        used[day] = used.get(day, 0) + ok
        assert remaining == quota - used[day]
        assert abs(reset - (2 - now % 2000 / 1000)) < 1e-6


def test_old_buckets_are_forgotten():
    now = 1_800_000_000.0
    local = LocalWindow(Policy("p", 1000, 1), clock=lambda: now)
    for _ in range(500):
        now += 0.1
        local.take()
    assert len(local._used) <= 61
