"""Reads of the log: all of a range or nothing."""

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import selectors
from events.models import LogState, Stream
from events.tests.support import OTHER, STREAM, forget, publish, publish_many

positions = st.integers(0, 12)


@given(seqs=st.sets(positions).map(sorted), since=positions, until=positions)
def test_a_range_is_whole_exactly_when_each_of_its_events_is_there(seqs, since, until):
    found = [SimpleNamespace(seq=seq) for seq in seqs if since < seq <= until]
    expected = since <= until and [one.seq for one in found] == list(range(since + 1, until + 1))
    assert selectors.is_whole(found, since, until) == expected


@pytest.fixture
def log(db):
    """Ten events, of which the first three are past retention."""
    publish_many(10)
    publish_many(4, stream=OTHER)
    forget(STREAM, 3)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(since=positions, until=positions, limit=st.integers(0, 12), room=st.integers(0, 10))
def test_recovery_is_complete_or_none(log, since, until, limit, room):
    size = len(selectors.after(STREAM, 9, limit=1)[0].payload)
    found = selectors.recover(STREAM, since, until, limit=limit, max_bytes=room * size + (size - 1) * (room > 0))
    kept = set(range(4, 11))
    wanted = list(range(since + 1, until + 1))
    if found is None:
        # The tenth's payload has a byte more than the others'.
        sizes = len(wanted) * size
        assert since > until or len(wanted) > limit or not set(wanted) <= kept or sizes > room * size
    else:
        assert since <= until
        assert [event.seq for event in found] == wanted
        assert len(wanted) <= limit


class TestHeads:
    def test_known_and_unknown_streams_in_one_answer(self, log):
        epoch = LogState.objects.get().epoch
        Stream.objects.filter(key=OTHER).update(epoch="restored")
        found = selectors.heads([STREAM, OTHER, "user:none"])
        assert found == {STREAM: (epoch, 10), OTHER: ("restored", 4), "user:none": (epoch, 0)}
        assert selectors.head(STREAM).seq == 10
        assert selectors.heads([]) == {}

    def test_many_cost_one_query(self, log):
        names = [STREAM, OTHER] * 50
        with CaptureQueriesContext(connection) as queries:
            selectors.heads(dict.fromkeys(names))
        assert len(queries) == 1


class TestAfter:
    def test_by_seq_between_the_bounds(self, log):
        def seqs(since, **bounds):
            return [event.seq for event in selectors.after(STREAM, since, **bounds)]

        assert seqs(0, limit=100) == [4, 5, 6, 7, 8, 9, 10]
        assert seqs(5, limit=2) == [6, 7]
        assert seqs(5, until=6, limit=100) == [6]
        assert seqs(10, limit=100) == []
        assert seqs(9_223_372_036_854_775_807, limit=1) == []

    def test_an_event_comes_back_whole(self, db):
        publish(5, text="ü")
        (event,) = selectors.after(STREAM, 0, limit=1)
        assert (event.stream, event.seq, event.type) == (STREAM, 1, "sample.happened")
        assert event.payload == '{"text": "ü", "number": 5}'.encode()
        assert event.created_at.tzinfo is not None
