"""The pace: a burst at once, then the rate; whatever the order and the gaps."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.limits import parse_policy
from modules.chat.pacing import pace

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES = st.builds(lambda quota, window: parse_policy("chat", f"{quota}/{window}"), st.integers(1, 50), st.integers(1, 60))


@given(POLICIES, st.lists(st.floats(0, 5), min_size=1, max_size=120))
def test_in_any_span_no_more_pass_than_the_burst_and_the_rate_allow(policy, gaps):
    until, now, passed = None, BEGIN, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        paced = pace(policy, until, now)
        if paced.passes:
            until = paced.until
            passed.append(now)
    interval = policy.window / policy.quota
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], start=first):
            span = (end - start).total_seconds()
            assert last - first + 1 <= policy.quota + span / interval + 0.01


@given(POLICIES)
def test_a_whole_burst_passes_at_once_and_then_one_in_each_interval(policy):
    until = None
    for _ in range(policy.quota):
        paced = pace(policy, until, BEGIN)
        assert paced.passes
        until = paced.until
    refused = pace(policy, until, BEGIN)
    assert not refused.passes
    assert pace(policy, until, BEGIN + refused.wait).passes
    assert abs(refused.wait.total_seconds() - policy.window / policy.quota) < 0.001


def test_what_was_refused_costs_nothing():
    policy = parse_policy("chat", "1/10")
    until = pace(policy, None, BEGIN).until
    waits = [pace(policy, until, BEGIN + timedelta(seconds=second)).wait.total_seconds() for second in (0, 3, 9)]
    assert waits == [10.0, 7.0, 1.0]
