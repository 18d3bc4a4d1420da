"""The daily quota: exact whatever happens at once, given back for what was never sent, and by the account's own calendar."""

import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connections

from analytics.exceptions import DailyMessagesUsedUp
from analytics.models import UsageStats
from core.exceptions import DomainError
from events.partitions import PARTITIONS
from modules.whatsapp.choices import MessageType
from modules.whatsapp.exceptions import MessageNotCancellable
from modules.whatsapp.models import Message, WhatsAppSession
from modules.whatsapp.services import bulks, messages
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, reload, send, send_all
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db


def counted(user) -> dict[date, int]:
    return dict(UsageStats.objects.filter(user=user).values_list("date", "messages_sent"))


def at_once(work, times: int) -> list[str]:
    """Run `work(number)` in so many threads, each with its own connection; the names of what was raised."""
    start, refused = threading.Barrier(times), []

    def run(number):
        start.wait()
        try:
            work(number)
        except DomainError as error:
            refused.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def of_quota(quota: int, time_zone: str = "UTC"):
    """Somebody with a connected session who may send so many messages a day."""
    user = make_user(max_messages_per_day=quota)
    user.profile.time_zone = time_zone
    user.profile.save()
    connected(user)
    return user


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_64_senders_on_a_quota_of_100_get_exactly_100_accepted(self):
        user = of_quota(100)
        refused = []

        def work(number):
            for _ in range(3):
                try:
                    send(user, NUMBERS[number])
                except DailyMessagesUsedUp:
                    refused.append(number)

        assert at_once(work, 64) == []
        assert (Message.objects.filter(user=user).count(), len(refused)) == (100, 92)
        assert sum(counted(user).values()) == 100

    def test_bulks_get_all_they_ask_for_or_nothing(self):
        user = of_quota(100)

        def work(number):
            bulks.send_bulk(
                user_id=user.pk, environment="live", recipients=NUMBERS[:15], draft=Draft(MessageType.TEXT, str(number))
            )

        assert at_once(work, 16) == ["DailyMessagesUsedUp"] * 10
        assert sorted(bulk.messages.count() for bulk in user.whatsapp_bulks.all()) == [15] * 6
        assert sum(counted(user).values()) == 90

    def test_a_message_that_many_take_back_gives_one_unit_back(self):
        user = of_quota(100)
        first, _ = send(user), send(user)
        refused = at_once(lambda number: messages.cancel(message=first, actor=user), 8)
        assert refused == [MessageNotCancellable.__name__] * 7
        assert sum(counted(user).values()) == 1

    def test_a_message_that_many_send_again_counts_once(self):
        user = of_quota(100)
        message = send(user)
        messages.cancel(message=message, actor=user)
        assert at_once(lambda number: messages.retry(message=message, actor=user), 8) == ["MessageNotRetryable"] * 7
        assert sum(counted(user).values()) == 1


@pytest.mark.django_db(transaction=True)
class TestGivenBack:
    @pytest.mark.parametrize(("recipient", "options"), [(ALICE, {"fail": "fail"}), ("+14155550000", {})])
    def test_when_a_message_fails_for_good(self, recipient, options):
        user = of_quota(1)
        WhatsAppSession.objects.update(options=options)
        message = send(user, recipient)
        with pytest.raises(DailyMessagesUsedUp):
            send(user)
        send_all()
        assert (reload(message).status, reload(message).quota_day) == ("failed", None)
        assert sum(counted(user).values()) == 0
        assert send(user).status == "queued"

    def test_with_its_file_when_it_had_one(self):
        user = of_quota(1)
        draft = Draft(MessageType.IMAGE, media=user.whatsapp_media.create(kind="image"))
        messages.send(user_id=user.pk, environment="live", recipient=ALICE, draft=draft)
        assert UsageStats.objects.get(user=user).media_sent == 1
        # There is no file.
        send_all()
        assert Message.objects.get().status == "failed"
        assert (UsageStats.objects.get(user=user).messages_sent, UsageStats.objects.get(user=user).media_sent) == (0, 0)

    @pytest.mark.parametrize("fail", ["retry", "pause", "action"])
    def test_not_while_it_is_still_to_be_sent(self, fail):
        user = of_quota(1)
        WhatsAppSession.objects.update(options={"fail": fail})
        message = send(user)
        send_all()
        assert (reload(message).status, sum(counted(user).values())) == ("queued", 1)

    def test_not_when_nobody_knows_whether_it_was_sent(self):
        user = of_quota(1)
        WhatsAppSession.objects.update(options={"fail": "ambiguous"})
        message = send(user)
        # As with a gateway that takes no id of ours.
        Message.objects.update(client_message_id="")
        send_all()
        assert reload(message).status == "unknown"
        with pytest.raises(DailyMessagesUsedUp):
            send(user)
        assert sum(counted(user).values()) == 1


class TestTheDay:
    @pytest.fixture(autouse=True)
    def _the_log_has_these_days(self, db):
        PARTITIONS.ensure(date(2026, 3, day) for day in range(7, 14))

    @pytest.mark.parametrize(
        ("zone", "day"),
        [
            ("UTC", date(2026, 3, 10)),
            ("Pacific/Auckland", date(2026, 3, 11)),
            ("America/Los_Angeles", date(2026, 3, 10)),
            ("Asia/Kathmandu", date(2026, 3, 11)),
            ("Nowhere/Nothing", date(2026, 3, 10)),
        ],
    )
    def test_is_that_of_the_accounts_time_zone(self, zone, day):
        user = of_quota(5, zone)
        with time_machine.travel(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), tick=False):
            assert send(user).quota_day == day
        assert counted(user) == {day: 1}

    def test_begins_anew_at_the_accounts_midnight(self):
        zone = ZoneInfo("Asia/Tokyo")
        user = of_quota(1, "Asia/Tokyo")
        with time_machine.travel(datetime(2026, 3, 10, 23, 59, 59, tzinfo=zone), tick=False):
            send(user)
            with pytest.raises(DailyMessagesUsedUp) as refusal:
                send(user)
        assert refusal.value.retry_after == 1
        assert "2026-03-11T00:00:00+09:00" in refusal.value.message
        with time_machine.travel(datetime(2026, 3, 11, 0, 0, tzinfo=zone), tick=False):
            send(user)
        assert counted(user) == {date(2026, 3, 10): 1, date(2026, 3, 11): 1}

    def test_is_an_hour_shorter_when_the_clocks_go_forward(self):
        user = of_quota(0, "America/New_York")
        midnight = datetime(2026, 3, 8, 0, 0, tzinfo=ZoneInfo("America/New_York"))
        with time_machine.travel(midnight, tick=False), pytest.raises(DailyMessagesUsedUp) as refusal:
            send(user)
        assert refusal.value.retry_after == timedelta(hours=23).total_seconds()

    def test_that_gets_a_unit_back_is_the_one_it_was_counted_on(self):
        user = of_quota(5)
        with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False):
            message = send(user)
        with time_machine.travel(datetime(2026, 3, 11, 12, tzinfo=UTC), tick=False):
            send(user)
            messages.cancel(message=message, actor=user)
        assert counted(user) == {date(2026, 3, 10): 0, date(2026, 3, 11): 1}

    def test_of_a_message_for_later_is_the_one_it_was_accepted_on(self):
        user = of_quota(1)
        with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False):
            send(user, send_at=datetime(2026, 3, 12, 12, tzinfo=UTC))
        assert counted(user) == {date(2026, 3, 10): 1}
