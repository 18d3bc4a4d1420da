"""The latency histogram: 64 fixed buckets growing by 1.25 from 100 µs to two minutes, so any two can be added.

Bucket 0 is below 100 µs, bucket i (i ≥ 1) is [100·1.25^(i-1), 100·1.25^i) µs, the last is open. A percentile is
interpolated inside its bucket: it is off by at most a bucket's width, 25 % of the value, and by 12 % at most from its middle.
"""

from collections.abc import Mapping

BUCKETS = 64
FIRST_US = 100.0
GROWTH = 1.25

# The same rule for the loader. 0.22314355131420976 is ln(1.25).
BUCKET_SQL = (
    "CASE WHEN duration_us < 100 THEN 0 ELSE least(63, 1 + floor(ln(duration_us::float8 / 100) / 0.22314355131420976))::int END"
)


def bounds_us(bucket: int) -> tuple[float, float]:
    """The lower and upper bound of a bucket in microseconds."""
    if bucket <= 0:
        return 0.0, FIRST_US
    return FIRST_US * GROWTH ** (bucket - 1), FIRST_US * GROWTH**bucket


def percentile_ms(histogram: Mapping[int, int], fraction: float) -> float | None:
    """The value below which `fraction` of the requests lie, in milliseconds; None without requests."""
    total = sum(count for bucket, count in histogram.items() if bucket >= 0)
    if total == 0:
        return None
    wanted = fraction * total
    seen = 0
    low, high = 0.0, FIRST_US
    for bucket in sorted(histogram):
        count = histogram[bucket]
        if bucket < 0 or count == 0:
            continue
        low, high = bounds_us(bucket)
        if seen + count >= wanted:
            return round((low + (high - low) * max(0.0, wanted - seen) / count) / 1000, 3)
        seen += count
    return round(high / 1000, 3)
