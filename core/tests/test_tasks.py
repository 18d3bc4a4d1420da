"""Periodic tasks do their work, and know the request that rang them."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from core import context


class TestTasks:
    @pytest.mark.django_db
    def test_old_idempotency_records_are_purged_by_the_periodic_task(self):
        from core.models import IdempotencyRecord
        from core.tasks import purge_idempotency_records

        old = datetime(2020, 1, 1, tzinfo=UTC)
        record = IdempotencyRecord.objects.create(
            caller="c", method="POST", route="/r/", key="k", fingerprint=b"", status_code=201, body=b"", created_at=old
        )
        assert str(record) == "POST /r/"
        assert purge_idempotency_records.delay().get() == 1
        assert not IdempotencyRecord.objects.exists()

    def test_a_task_carries_the_id_of_the_request_that_rang_it(self):
        from config import celery

        context.enter(context.RequestContext())
        headers = {}
        celery._add_request_id(headers=headers)
        assert headers == {}
        context.enter(context.RequestContext(request_id="rid"))
        celery._add_request_id(headers=headers)
        assert headers["request_id"] == "rid"
        context.enter(context.RequestContext())
        seen = []
        doorbell_task = SimpleNamespace(request=SimpleNamespace(request_id="rid"))
        celery._enter_request(task=doorbell_task)
        seen.append(context.current().request_id)
        celery._leave_request()
        seen.append(context.current().request_id)
        assert seen == ["rid", ""]
