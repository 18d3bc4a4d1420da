"""Counted messages: exact under any number of senders, given back, refused until midnight UTC."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from analytics.exceptions import DailyMessagesUsedUp
from analytics.models import UsageStats
from analytics.services import consume_messages, return_messages

pytestmark = pytest.mark.django_db


def today():
    return datetime.now(UTC).date()


def counted(user):
    return UsageStats.objects.values_list("messages_sent", "media_sent").get(user=user, date=today())


def test_the_first_message_of_a_day_makes_the_day(user):
    assert consume_messages(user_id=user.pk, limit=10).total == 1
    assert counted(user) == (1, 0)


def test_messages_and_media_add_up_and_the_total_comes_back(user):
    consume_messages(user_id=user.pk, limit=10, messages=3, media=1)
    assert consume_messages(user_id=user.pk, limit=10, messages=2, media=2).total == 5
    assert counted(user) == (5, 3)


@pytest.mark.parametrize("messages", [3, 100])
def test_past_the_limit_nothing_is_counted_and_it_says_when_to_come_back(user, messages):
    consume_messages(user_id=user.pk, limit=10, messages=8)
    midnight = datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC)
    with pytest.raises(DailyMessagesUsedUp) as refusal:
        consume_messages(user_id=user.pk, limit=10, messages=messages)
    assert refusal.value.retry_after == pytest.approx((midnight - datetime.now(UTC)).total_seconds(), abs=5)
    assert counted(user) == (8, 0)
    assert consume_messages(user_id=user.pk, limit=10, messages=2).total == 10


def test_a_first_batch_past_the_limit_makes_no_day(user):
    with pytest.raises(DailyMessagesUsedUp):
        consume_messages(user_id=user.pk, limit=10, messages=11)
    with pytest.raises(DailyMessagesUsedUp):
        consume_messages(user_id=user.pk, limit=0)
    assert not UsageStats.objects.exists()


def test_each_user_and_day_counts_alone(user, other):
    UsageStats.objects.create(user=user, date=today() - timedelta(days=1), messages_sent=10)
    consume_messages(user_id=other.pk, limit=10, messages=10)
    assert consume_messages(user_id=user.pk, limit=10).total == 1


@pytest.mark.parametrize(("messages", "media"), [(0, 0), (-1, 0), (1, -1)])
def test_nonsense_is_a_mistake_of_the_caller(user, messages, media):
    with pytest.raises(ValueError):
        consume_messages(user_id=user.pk, limit=10, messages=messages, media=media)


def test_what_is_given_back_can_be_sent_again_and_never_goes_below_nothing(user):
    consume_messages(user_id=user.pk, limit=5, messages=5, media=2)
    return_messages(user_id=user.pk, day=today(), messages=2, media=1)
    assert counted(user) == (3, 1)
    assert consume_messages(user_id=user.pk, limit=5, messages=2).total == 5
    return_messages(user_id=user.pk, day=today(), messages=50, media=50)
    assert counted(user) == (0, 0)


def test_it_is_given_back_to_the_day_it_was_counted_on(user):
    yesterday = today() - timedelta(days=1)
    UsageStats.objects.create(user=user, date=yesterday, messages_sent=4)
    consume_messages(user_id=user.pk, limit=5)
    return_messages(user_id=user.pk, day=yesterday)
    assert counted(user) == (1, 0)
    assert UsageStats.objects.get(date=yesterday).messages_sent == 3
    return_messages(user_id=user.pk, day=today() + timedelta(days=9))


def test_a_sending_that_is_rolled_back_counts_nothing(user):
    with transaction.atomic():
        consume_messages(user_id=user.pk, limit=5)
        transaction.set_rollback(True)
    assert not UsageStats.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_64_senders_at_once_exactly_a_hundred_messages_pass(user):
    totals, refused, start = [], [], threading.Barrier(64)

    def send():
        try:
            start.wait()
            for _ in range(3):
                try:
                    totals.append(consume_messages(user_id=user.pk, limit=100).total)
                except DailyMessagesUsedUp:
                    refused.append(1)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(totals) == list(range(1, 101))
    assert len(refused) == 64 * 3 - 100
    assert counted(user) == (100, 0)
