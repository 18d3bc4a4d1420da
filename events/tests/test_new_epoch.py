"""`manage.py new_epoch`: positions of before mean nothing, seqs go on, and nobody publishes into the old epoch."""

import threading

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from events import epochs, selectors
from events.models import LogState, Stream
from events.tests.support import OTHER, STREAM, in_threads, publish, stored

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_stream_and_those_that_begin_later_are_in_the_new_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    old = publish(1)
    call_command("new_epoch")
    epoch = LogState.objects.get().epoch
    assert capsys.readouterr().out == f"epoch {epoch} begun for 1 streams\n"
    assert epoch != old.epoch
    assert selectors.heads([STREAM, OTHER]) == {STREAM: (epoch, 1), OTHER: (epoch, 0)}
    assert publish(2).epoch == epoch
    assert publish(1, stream=OTHER).epoch == epoch


def test_seqs_go_on_and_no_event_is_touched() -> None:
    publish(1)
    epochs.begin()
    assert publish(2).seq == 2
    assert stored() == [(1, 1), (2, 2)]


def test_each_epoch_is_another() -> None:
    assert len({epochs.begin()[0] for _ in range(20)}) == 20


def test_a_log_without_a_state_gets_one() -> None:
    LogState.objects.all().delete()
    assert epochs.begin() == (LogState.objects.get().epoch, 0)


def test_a_stream_that_begins_at_the_same_moment_begins_in_the_new_epoch() -> None:
    locked, published = threading.Event(), threading.Event()

    def begin() -> str:
        with transaction.atomic():
            epoch, _ = epochs.begin()
            locked.set()
            assert not published.wait(0.5), "published in the middle of the change"
        return epoch

    def write() -> str:
        assert locked.wait(5)
        position = publish(1)
        published.set()
        return position.epoch

    epoch, seen = in_threads(begin, write)
    assert seen == epoch == Stream.objects.get().epoch
    connections.close_all()
