"""Reading rollups in bulk: the settings end with the transaction, the rows are the queryset's."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from analytics.bulk import fetch, in_bulk
from analytics.models import Rollup
from analytics.tests.factories import log_requests


def _settings() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('work_mem'), current_setting('max_parallel_workers_per_gather')")
        found: tuple[str, ...] = cursor.fetchone()
    return found


@pytest.mark.django_db(transaction=True)
def test_the_settings_end_with_the_transaction() -> None:
    before = _settings()
    with in_bulk():
        assert _settings() == ("32MB", "0")
    assert before == _settings() != ("32MB", "0")


@pytest.mark.django_db
def test_rows_in_bulk_are_those_of_the_queryset() -> None:
    log_requests(3, at=datetime(2026, 3, 10, 12, tzinfo=UTC))
    values = Rollup.objects.order_by("cube", "period", "start").values_list("cube", "start", "requests", "user_id")
    assert fetch(values) == list(values) != []
