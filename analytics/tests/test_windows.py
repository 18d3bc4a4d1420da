"""Windows over rollups: tiled exactly, by grains that are still kept."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.conf import settings
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.choices import Period
from analytics.windows import DAY, HOUR, MINUTE, STEP, Window, ceil, floor

moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone by hypothesis
steps = st.sampled_from([MINUTE, HOUR, DAY])
ages = st.timedeltas(timedelta(0), timedelta(days=500))


@given(moments, steps)
def test_floor_and_ceil_are_the_starts_of_steps_around_a_moment(moment, step):
    assert floor(moment, step) <= moment <= ceil(moment, step)
    assert moment - floor(moment, step) < step
    assert ceil(moment, step) - moment < step
    assert ceil(floor(moment, step), step) == floor(moment, step)
    assert (floor(moment, step) - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta(0)


def window_ending(age, length):
    end = datetime.now(UTC) - age
    return Window(end - length, end)


@given(ages, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_segments_tile_the_window_exactly_without_gap_or_overlap(age, length):
    window = window_ending(age, length)
    tiles = sorted(window.segments(), key=lambda tile: tile[1])
    finest = min((STEP[period] for period, _, _ in tiles), default=DAY)
    assert all(left[2] == right[1] for left, right in pairwise(tiles))
    assert tiles[0][1] <= window.start
    assert window.end <= tiles[-1][2]
    # What is counted beyond the window is less than one step of its edge's grain, or of the grain that is kept there.
    assert window.start - tiles[0][1] < max(finest, DAY)
    assert tiles[-1][2] - window.end < max(finest, DAY)
    assert len(tiles) <= 5


@given(ages, st.timedeltas(timedelta(minutes=1), timedelta(days=400)))
def test_every_segment_is_whole_steps_of_its_grain_and_of_one_that_is_kept_there(age, length):
    kept = {
        Period.MINUTE: timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS),
        Period.HOUR: timedelta(days=settings.ROLLUP_HOUR_RETENTION_DAYS),
        Period.DAY: timedelta(days=100_000),
    }
    for period, start, end in window_ending(age, length).segments():
        assert start < end
        assert floor(start, STEP[period]) == start
        assert floor(end, STEP[period]) == end
        assert start >= datetime.now(UTC) - kept[period]


@given(st.timedeltas(timedelta(0), timedelta(hours=20)), st.timedeltas(timedelta(minutes=1), timedelta(hours=20)))
def test_a_recent_window_is_exact_to_the_minute(age, length):
    window = window_ending(age, length)
    tiles = sorted(window.segments(), key=lambda tile: tile[1])
    assert (tiles[0][1], tiles[-1][2]) == (floor(window.start, MINUTE), ceil(window.end, MINUTE))


@given(st.timedeltas(timedelta(days=3), timedelta(days=300)), st.timedeltas(timedelta(minutes=1), timedelta(days=60)))
def test_an_older_window_is_exact_to_the_hour(age, length):
    window = window_ending(age, length)
    tiles = sorted(window.segments(), key=lambda tile: tile[1])
    assert (tiles[0][1], tiles[-1][2]) == (floor(window.start, HOUR), ceil(window.end, HOUR))


@given(moments)
def test_an_empty_window_has_no_segments(moment):
    aligned = floor(moment, DAY)
    assume(aligned.year > 1970)
    assert Window(aligned, aligned).segments() == []
