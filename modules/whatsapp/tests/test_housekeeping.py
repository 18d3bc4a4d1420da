"""What time does to messages that wait, and to bulks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.models import UsageStats
from events.models import Event
from modules.whatsapp import housekeeping
from modules.whatsapp.choices import BulkStatus, MessageStatus, MessageType
from modules.whatsapp.models import Bulk, Message, WhatsAppSession
from modules.whatsapp.services import bulks
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import NUMBERS, aged, connected, reload, send, send_all, send_file, uploaded, used

pytestmark = pytest.mark.django_db


def told(user, kind: str) -> list[dict]:
    found = Event.objects.filter(stream=f"user:{user.pk}", type=f"whatsapp.{kind}")
    return list(found.order_by("seq").values_list("payload", flat=True))


class TestExpiry:
    """What never left the queue."""

    @pytest.mark.django_db(transaction=True)
    def test_a_message_that_waited_too_long_fails_gives_its_unit_back_and_is_told(self, user):
        connected(user)
        late, fresh = send(user), send(user)
        aged(late, expires_at=0)
        assert housekeeping.expire() == 1
        found = reload(late)
        assert (found.status, found.error_code, found.quota_day) == ("failed", "expired", None)
        assert found.finished_at is not None
        assert (reload(fresh).status, used(user)) == ("queued", (1, 0))
        assert [payload["error_code"] for payload in told(user, "message.failed")] == ["expired"]
        assert housekeeping.expire() == 0
        assert send_all() == 1

    def test_one_with_a_file_gives_both_units_back(self, user):
        connected(user)
        message = send_file(user, uploaded(user))
        assert used(user) == (1, 1)
        aged(message, expires_at=0)
        housekeeping.expire()
        assert used(user) == (0, 0)

    def test_the_unit_goes_to_the_day_it_was_counted_on(self, user):
        connected(user)
        message = send(user)
        yesterday = timezone.now().date() - timedelta(days=1)
        UsageStats.objects.create(user=user, date=yesterday, messages_sent=5)
        Message.objects.filter(pk=message.pk).update(quota_day=yesterday)
        aged(message, expires_at=0)
        housekeeping.expire()
        assert dict(UsageStats.objects.values_list("date", "messages_sent")) == {yesterday: 4, message.quota_day: 1}

    @pytest.mark.parametrize("status", [status for status in MessageStatus if status not in ("queued", "received")])
    def test_what_left_the_queue_stays_as_it_is(self, user, status):
        connected(user)
        message = send(user)
        lease = timezone.now() if status == MessageStatus.SENDING else None
        Message.objects.filter(pk=message.pk).update(status=status, lease_until=lease)
        aged(message, expires_at=1)
        assert housekeeping.expire() == 0
        assert (reload(message).status, used(user)) == (status, (1, 0))

    def test_a_scheduled_one_has_its_time_from_when_it_is_due(self, user, settings):
        connected(user)
        message = send(user, send_at=timezone.now() + timedelta(days=40))
        assert message.expires_at - message.send_at == timedelta(hours=settings.WHATSAPP_QUEUE_HOURS)
        assert housekeeping.expire() == 0

    def test_one_that_is_held_back_with_its_bulk_expires_too(self, user):
        connected(user)
        bulk = bulks.send_bulk(user_id=user.pk, environment="live", recipients=NUMBERS[:2], draft=Draft(MessageType.TEXT, "x"))
        bulks.pause(bulk=bulk, actor=user)
        Message.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert housekeeping.expire() == 2
        assert used(user) == (0, 0)

    def test_the_last_one_of_a_bulk_ends_it(self, user):
        connected(user)
        bulk = bulks.send_bulk(user_id=user.pk, environment="live", recipients=NUMBERS[:2], draft=Draft(MessageType.TEXT, "x"))
        first, second = Message.objects.order_by("pk")
        aged(first, expires_at=0)
        housekeeping.expire()
        assert reload(bulk).status == "running"
        aged(second, expires_at=0)
        housekeeping.expire()
        assert (reload(bulk).status, reload(bulk).finished_at is None) == ("finished", False)

    def test_however_many_there_are(self, user, monkeypatch):
        monkeypatch.setattr(housekeeping, "BATCH", 3)
        connected(user)
        for _ in range(7):
            send(user)
        Message.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert housekeeping.expire() == 7
        assert used(user) == (0, 0)


class TestDeactivation:
    """An account is switched off while its messages wait."""

    def test_what_waits_fails_and_what_was_sent_stays(self, user, other):
        for one in (user, other):
            connected(one)
        sent = send(user)
        send_all()
        waiting, theirs = [send(user), send(user, send_at=timezone.now() + timedelta(days=3))], send(other)
        user.is_active = False
        user.save()
        assert send_all() == 1
        assert housekeeping.expire() == 2
        assert {(reload(one).status, reload(one).error_code) for one in waiting} == {("failed", "account_inactive")}
        assert (reload(sent).status, reload(theirs).status, used(user)) == ("sent", "sent", (1, 0))

    def test_one_that_is_on_its_way_is_left_to_its_sender(self, user):
        connected(user)
        message = send(user)
        Message.objects.update(status="sending", lease_until=timezone.now() + timedelta(minutes=1))
        user.is_active = False
        user.save()
        assert housekeeping.expire() == 0
        assert reload(message).status == "sending"


class TestUseless:
    """What will never be sent, whatever comes."""

    def test_one_that_may_have_been_sent_is_not_said_to_have_failed(self, user):
        connected(user)
        message = send(user)
        Message.objects.update(may_be_sent=True, expires_at=timezone.now() - timedelta(seconds=1))
        assert housekeeping.expire() == 1
        assert (reload(message).status, reload(message).error_code, used(user)) == ("unknown", "expired", (1, 0))

    def test_what_was_accepted_for_another_driver_is_taken_back(self, user):
        session = connected(user)
        message, later = send(user), send(user, send_at=timezone.now() + timedelta(days=3))
        WhatsAppSession.objects.filter(pk=session.pk).update(driver="waha")
        assert send_all() == 0
        assert housekeeping.expire() == 2
        assert {(reload(one).status, reload(one).error_code) for one in (message, later)} == {("cancelled", "driver_changed")}
        assert used(user) == (0, 0)

    @pytest.mark.parametrize(("status", "ended"), [("cancelled", 1), ("running", 0), ("paused", 0)])
    def test_what_a_cancelled_bulk_left_behind_is_taken_back(self, user, status, ended):
        connected(user)
        bulks.send_bulk(user_id=user.pk, environment="live", recipients=NUMBERS[:1], draft=Draft(MessageType.TEXT, "x"))
        Bulk.objects.update(status=status)
        assert housekeeping.expire() == ended
        assert Message.objects.get().status == ("cancelled" if ended else "queued")
        assert used(user) == (1 - ended, 0)


class TestBulks:
    """Ended by the sweep where nobody else did."""

    @pytest.mark.django_db(transaction=True)
    def test_one_without_waiting_messages_is_finished_and_told(self, user):
        connected(user)
        bulk = bulks.send_bulk(user_id=user.pk, environment="live", recipients=NUMBERS[:2], draft=Draft(MessageType.TEXT, "x"))
        assert housekeeping.finish() == 0
        Message.objects.update(status="sent")
        assert housekeeping.finish() == 1
        assert reload(bulk).status == "finished"
        assert [payload["status"] for payload in told(user, "bulk.changed")] == ["running", "finished"]
        assert housekeeping.finish() == 0

    @pytest.mark.parametrize("status", [BulkStatus.PAUSED, BulkStatus.CANCELLED, BulkStatus.FINISHED])
    def test_one_that_does_not_run_is_left_alone(self, user, status):
        Bulk.objects.create(user=user, session=connected(user), status=status)
        assert housekeeping.finish() == 0

    def test_an_old_one_is_found_behind_however_many_that_still_run(self, user, monkeypatch):
        monkeypatch.setattr(housekeeping, "BATCH", 2)
        session = connected(user)
        done = Bulk.objects.create(user=user, session=session)
        for _ in range(4):
            running = Bulk.objects.create(user=user, session=session)
            Message.objects.filter(pk=send(user).pk).update(bulk=running)
        assert housekeeping.finish() == 1
        assert reload(done).status == "finished"
