"""The latency histogram: mergeable, and its percentiles as near as promised."""

import math
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from analytics.latency import BUCKET_SQL, BUCKETS, bounds_us, percentile_ms

# Where the histogram has closed buckets.
LONGEST_US = int(bounds_us(BUCKETS - 1)[0]) - 1
durations = st.lists(st.integers(min_value=0, max_value=LONGEST_US), min_size=1, max_size=200)


def bucket_of(duration):
    return 0 if duration < 100 else min(BUCKETS - 1, 1 + math.floor(math.log(duration / 100) / math.log(1.25) + 1e-12))


def histogram_of(values):
    histogram = {}
    for value in values:
        histogram[bucket_of(value)] = histogram.get(bucket_of(value), 0) + 1
    return histogram


@given(durations, st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_a_quarter_of_the_true_one(values, fraction):
    true = sorted(values)[max(0, math.ceil(fraction * len(values)) - 1)]
    found = percentile_ms(histogram_of(values), fraction) * 1000
    low, high = bounds_us(bucket_of(true))
    assert low - 1 <= found <= high + 1
    assert abs(found - true) <= max(100, 0.25 * max(true, low)) + 1


@given(durations)
def test_percentiles_rise_with_the_fraction(values):
    found = [percentile_ms(histogram_of(values), fraction) for fraction in (0.1, 0.5, 0.9, 0.95, 0.99, 1.0)]
    assert found == sorted(found)


@given(durations, durations)
def test_two_histograms_added_are_the_histogram_of_both(left, right):
    both = histogram_of(left)
    for bucket, count in histogram_of(right).items():
        both[bucket] = both.get(bucket, 0) + count
    assert both == histogram_of(left + right)


def test_the_buckets_follow_each_other_without_a_gap():
    edges = [bounds_us(bucket) for bucket in range(BUCKETS)]
    assert edges[0] == (0.0, 100.0)
    assert all(left[1] == pytest.approx(right[0]) for left, right in pairwise(edges))


def test_without_requests_there_is_no_percentile():
    assert percentile_ms({}, 0.5) is None
    assert percentile_ms({3: 0}, 0.5) is None
    assert percentile_ms({-1: 5}, 0.5) is None


def test_what_lies_past_all_requests_is_the_bound_of_the_slowest():
    assert percentile_ms({5: 3, 7: 0, 20: 1}, 1.1) == round(bounds_us(20)[1] / 1000, 3)


def test_rows_without_a_bucket_are_not_taken_for_the_fastest():
    assert percentile_ms({-1: 1000, 20: 1}, 0.5) >= bounds_us(20)[0] / 1000


@pytest.mark.django_db
def test_the_loader_puts_each_duration_into_the_bucket_that_holds_it():
    values = sorted(
        {
            0,
            1,
            99,
            100,
            101,
            10**12,
            *(int(bounds_us(b)[0]) + d for b in range(1, BUCKETS) for d in (-1, 0, 1)),
            *range(0, 10**7, 99_991),
        }
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT duration_us, {BUCKET_SQL} FROM unnest(%s::bigint[]) AS duration_us", [values])
        found = cursor.fetchall()
    for duration, bucket in found:
        low, high = bounds_us(bucket)
        assert low * (1 - 1e-9) <= duration
        assert duration <= high * (1 + 1e-9) or bucket == BUCKETS - 1
