"""Small things the models promise."""

from datetime import UTC, date, datetime

import pytest

from analytics.choices import Cube, Period
from analytics.models import APILog, Rollup, SpoolFile, UsageStats
from analytics.tests.factories import log_requests

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
