"""When a failed delivery is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.schedule import DELAYS, JITTER, MAX_RETRY_AFTER, MAX_TRIES, next_delay, parse_retry_after

NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
waits = st.one_of(st.none(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))


def test_it_is_the_published_one():
    seconds = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert [delay.total_seconds() for delay in DELAYS] == seconds


@given(st.integers(min_value=1, max_value=MAX_TRIES - 1))
def test_a_delay_is_within_its_jitter(tries):
    delay = next_delay(tries)
    assert DELAYS[tries] * (1 - JITTER) <= delay <= DELAYS[tries] * (1 + JITTER)


@given(st.integers(min_value=1, max_value=MAX_TRIES - 2))
def test_a_later_delay_is_longer_whatever_the_jitter(tries):
    assert next_delay(tries) < next_delay(tries + 1)


@given(st.integers(min_value=MAX_TRIES, max_value=10**6), waits)
def test_after_the_last_try_there_is_none(tries, retry_after):
    assert next_delay(tries, retry_after) is None


@given(st.integers(min_value=1, max_value=MAX_TRIES - 1), waits)
def test_what_the_receiver_asked_for_is_waited_out_up_to_a_day_and_never_shortens(tries, retry_after):
    delay = next_delay(tries, retry_after)
    assert delay >= DELAYS[tries] * (1 - JITTER)
    assert delay <= max(DELAYS[tries] * (1 + JITTER), MAX_RETRY_AFTER)
    if retry_after is not None:
        assert delay >= min(retry_after, MAX_RETRY_AFTER)


@given(st.integers(min_value=0, max_value=10**40))
def test_seconds_are_read_and_capped(seconds):
    assert parse_retry_after(f" {seconds} ", NOW) == min(timedelta(seconds=min(seconds, 10**9)), MAX_RETRY_AFTER)


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_a_date_is_read_and_capped(seconds):
    moment = NOW + timedelta(seconds=seconds)
    assert parse_retry_after(format_datetime(moment, usegmt=True), NOW) == min(max(moment - NOW, timedelta(0)), MAX_RETRY_AFTER)


@given(st.text(max_size=100))
def test_nothing_a_receiver_writes_is_more_than_a_wait(text):
    found = parse_retry_after(text, NOW)
    assert found is None or timedelta(0) <= found <= MAX_RETRY_AFTER


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5", "\u0663", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_nonsense_says_nothing(text):
    assert parse_retry_after(text, NOW) is None
