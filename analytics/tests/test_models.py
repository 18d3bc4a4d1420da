"""Small things the models promise."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.db import connection

from analytics import partitions
from analytics.choices import Cube, Period
from analytics.models import APILog, Rollup, SpoolFile, UsageStats
from analytics.tests.factories import line, log, log_requests
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def test_each_is_readable_in_a_list(user):
    log_requests(method="POST", status_code=201)
    assert str(APILog.objects.get()) == "POST /api/v1/users/{id}/ 201"
    assert str(UsageStats(user=user, date=date(2026, 3, 10))) == f"{user.pk} 2026-03-10"
    assert str(SpoolFile(name="a.log")) == "a.log"
    start = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    assert str(Rollup(cube=Cube.USER, period=Period.MINUTE, start=start)) == "User, status class from 2026-03-10 12:30"


def test_a_user_sees_its_own_and_staff_all(user, other):
    log_requests(2, user_id=user.pk)
    log_requests(3, user_id=other.pk)
    log_requests(4)
    for model, own, everything in ((APILog, 2, 9), (UsageStats, 1, 2)):
        assert model.objects.visible_to(user_id=user.pk, is_staff=False).count() == own
        assert model.objects.visible_to(user_id=user.pk, is_staff=True).count() == everything


def test_the_log_outlives_the_account_and_its_usage_goes_with_it(user):
    log_requests(2, user_id=user.pk)
    user.delete()
    assert APILog.objects.count() == 2
    assert not UsageStats.objects.exists()


class TestARequestId:
    """Made by the API it is the row's own id; else whatever a client or proxy sent."""

    @staticmethod
    def found(text):
        return [(row.pk, row.request_id) for row in APILog.objects.with_request_id(text)]

    def test_of_either_kind_finds_its_requests_and_no_other(self):
        own, theirs, proxied = uuid7(), uuid7(), uuid7().hex
        log(
            line(record_id=own, request_id=own),
            # A client sent again the id that it was answered with.
            line(record_id=(again := uuid7()), request_id=own),
            line(record_id=theirs, request_id="mine"),
            line(record_id=(hexed := uuid7()), request_id=proxied),
            line(record_id=(late := uuid7()), request_id="mine"),
        )
        assert sorted(self.found(str(own))) == sorted([(own, str(own)), (again, str(own))])
        assert sorted(self.found("mine")) == sorted([(theirs, "mine"), (late, "mine")])
        assert self.found(proxied) == [(hexed, proxied)]
        # The id of a row that came with another.
        assert self.found(str(theirs)) == []
        assert self.found(str(own).upper()) == []
        assert self.found(own.hex) == []

    @pytest.mark.parametrize(
        "text", ["", "ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-7000-8000-000000000000", str(UUID(int=7))]
    )
    def test_that_no_request_has_finds_none(self, text):
        log_requests(2)
        assert self.found(text) == []

    @pytest.mark.parametrize("text", ["mine", "01a1fee3-b27f-7219-9696-f8ed29c52e27"])
    def test_is_looked_up_by_indexes_alone(self, text):
        log_requests(1000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE analytics_apilog")
        plan = APILog.objects.with_request_id(text)[:26].explain()
        assert "Seq Scan" not in plan
        assert plan.count("request_id_idx") == len(partitions.existing())
