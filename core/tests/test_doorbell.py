"""Work is rung for after its commit, and stands when the broker is away."""

import time

import pytest
from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

from core import doorbell
from core.models import AuditEntry
from core.tests.support import closed_port


@shared_task
def doorbell_rang(*args):
    """A task of the tests."""
    rung.append(args)


rung: list[tuple[object, ...]] = []


@pytest.mark.django_db(transaction=True)
class TestDoorbell:
    @pytest.fixture(autouse=True)
    def _quiet(self):
        rung.clear()
        doorbell._quiet_until = 0.0
        yield
        doorbell._quiet_until = 0.0

    def test_the_task_is_rung_after_the_commit(self):
        with transaction.atomic():
            doorbell.ring(doorbell_rang, "a", 1)
            assert rung == []
        assert rung == [("a", 1)]

    def test_nothing_rings_for_work_that_was_undone(self):
        with transaction.atomic():
            doorbell.ring(doorbell_rang, "a")
            transaction.set_rollback(True)
        assert rung == []

    @pytest.mark.parametrize("error", [BrokerError("away"), ConnectionRefusedError(), TimeoutError()])
    def test_with_the_broker_away_the_work_stands_and_the_sweep_will_find_it(self, monkeypatch, caplog, error):
        def fail(*args):
            rung.append(args)
            raise error

        monkeypatch.setattr(doorbell_rang, "delay", fail)
        with transaction.atomic():
            AuditEntry.objects.create(action="a", target_type="t", target_id="1")
            doorbell.ring(doorbell_rang)
        assert AuditEntry.objects.count() == 1
        assert "sweep will find" in caplog.text
        # The next request does not wait for it again at once.
        doorbell.ring(doorbell_rang)
        assert len(rung) == 1
        doorbell._quiet_until = 0.0
        doorbell.ring(doorbell_rang)
        assert len(rung) == 2

    def test_a_real_broker_that_refuses_does_not_fail_the_request(self, settings):
        from celery import Celery

        app = Celery("lost", broker=f"redis://127.0.0.1:{closed_port()}/0", set_as_current=False)
        app.conf.task_publish_retry_policy = settings.CELERY_TASK_PUBLISH_RETRY_POLICY
        app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        task = app.task(doorbell_rang.run, name="lost.task")
        started = time.monotonic()
        doorbell.ring(task)
        assert time.monotonic() - started < 5
