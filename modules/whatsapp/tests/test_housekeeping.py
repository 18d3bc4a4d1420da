"""What time does to messages, files, events and bulks."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from analytics.models import UsageStats
from events.models import Event
from modules.whatsapp import files, housekeeping
from modules.whatsapp.choices import BulkStatus, MessageStatus, MessageType
from modules.whatsapp.exceptions import MediaGone
from modules.whatsapp.models import Bulk, InboundEvent, Media, Message, MessageAttempt
from modules.whatsapp.services import bulks, media, messages, sandbox
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, reload, send, send_all
from modules.whatsapp.tests.samples import PDF

pytestmark = pytest.mark.django_db


def used(user) -> tuple[int, int]:
    stats = UsageStats.objects.get(user=user)
    return stats.messages_sent, stats.media_sent


def aged(row, **fields: float) -> None:
    """Move moments of a row into the past, by so many days each."""
    moved = {name: timezone.now() - timedelta(days=days) for name, days in fields.items()}
    type(row).objects.filter(pk=row.pk).update(**moved)


def uploaded(user) -> Media:
    return media.upload(user_id=user.pk, kind=MessageType.DOCUMENT, content=BytesIO(PDF), size=len(PDF), filename="a.pdf")


def send_file(user, file: Media, **more) -> Message:
    draft = Draft(MessageType.DOCUMENT, media=file, **more)
    return messages.send(user_id=user.pk, environment="live", recipient=ALICE, draft=draft)


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


class TestFiles:
    """Kept for so many days, unless they are waited for."""

    def test_an_old_one_goes_and_its_row_and_messages_stay(self, user, settings):
        connected(user)
        old, fresh = uploaded(user), uploaded(user)
        message = send_file(user, old)
        send_all()
        aged(old, created_at=settings.WHATSAPP_MEDIA_RETENTION_DAYS + 1)
        aged(fresh, created_at=settings.WHATSAPP_MEDIA_RETENTION_DAYS - 1)
        assert housekeeping.purge() == 1
        gone = reload(old)
        assert (gone.status, gone.file.name, gone.filename, gone.sha256) == ("expired", "", "a.pdf", old.sha256)
        assert files.read(old.file.name) is None
        assert files.read(fresh.file.name) == PDF
        assert reload(message).media_id == old.pk
        assert housekeeping.purge() == 0
        with pytest.raises(MediaGone):
            send_file(user, gone)

    def test_one_that_a_message_still_waits_for_is_kept_until_that_is_sent(self, user, settings):
        connected(user)
        file = uploaded(user)
        message = send_file(user, file, send_at=timezone.now() + timedelta(days=100))
        aged(file, created_at=settings.WHATSAPP_MEDIA_RETENTION_DAYS + 1)
        assert housekeeping.purge() == 0
        Message.objects.update(next_attempt_at=timezone.now())
        assert send_all() == 1
        assert reload(message).status == "sent"
        assert housekeeping.purge() == 1
        assert files.read(file.file.name) is None

    def test_the_row_is_changed_before_the_file_is_removed(self, user, monkeypatch, settings):
        file = uploaded(user)
        aged(file, created_at=settings.WHATSAPP_MEDIA_RETENTION_DAYS + 1)

        def killed(name: str) -> None:
            assert reload(file).file.name == ""
            raise SystemExit

        monkeypatch.setattr(files, "remove", killed)
        with pytest.raises(SystemExit):
            housekeeping.purge()
        assert (reload(file).status, files.read(file.file.name)) == ("expired", PDF)

    def test_however_many_there_are(self, user, monkeypatch):
        monkeypatch.setattr(housekeeping, "BATCH", 2)
        for _ in range(5):
            aged(uploaded(user), created_at=365)
        assert housekeeping.purge() == 5


class TestEvents:
    """What gateways told, for a week."""

    @pytest.mark.parametrize(("processed", "gone"), [(8, True), (6, False), (None, False)])
    def test_what_is_worked_off_goes_after_a_week_and_nothing_else(self, user, processed, gone):
        event = sandbox.write(session=connected(user), sender=ALICE, text="hi")
        aged(event, received_at=400, due_at=400)
        if processed is not None:
            aged(event, processed_at=processed)
        assert housekeeping.purge() == int(gone)
        assert InboundEvent.objects.exists() is not gone


class TestMessages:
    """For ever, unless the operator says otherwise."""

    def test_they_stay_for_ever_by_themselves(self, user):
        connected(user)
        message = send(user)
        send_all()
        aged(message, created_at=5000)
        assert housekeeping.purge() == 0

    def test_old_ones_go_with_their_attempts_when_there_is_a_retention(self, user, settings, monkeypatch):
        settings.WHATSAPP_MESSAGE_RETENTION_DAYS = 90
        monkeypatch.setattr(housekeeping, "BATCH", 2)
        connected(user)
        old, fresh = [send(user) for _ in range(5)], send(user)
        for message in [*old, fresh]:
            MessageAttempt.objects.create(message=message, number=1, started_at=timezone.now(), duration_ms=1, error_code="x")
        Message.objects.update(status="failed")
        for message in old:
            aged(message, created_at=91)
        assert housekeeping.purge() == 5
        assert (Message.objects.get(), MessageAttempt.objects.get().message) == (fresh, fresh)

    @pytest.mark.parametrize(
        ("fields", "gone"),
        [
            ({"status": "queued"}, False),
            ({"status": "sending", "lease_until": timezone.now()}, False),
            ({"status": "sent"}, True),
            ({"status": "unknown"}, True),
            ({"status": "cancelled"}, True),
            ({"status": "received", "direction": "inbound"}, True),
        ],
    )
    def test_what_still_waits_stays_however_old(self, user, settings, fields, gone):
        settings.WHATSAPP_MESSAGE_RETENTION_DAYS = 90
        connected(user)
        message = send(user)
        Message.objects.update(**fields)
        aged(message, created_at=400)
        assert housekeeping.purge() == int(gone)
        assert Message.objects.exists() is not gone

    def test_what_they_counted_and_belonged_to_stays(self, user, settings):
        settings.WHATSAPP_MESSAGE_RETENTION_DAYS = 1
        connected(user)
        bulks.send_bulk(user_id=user.pk, environment="live", recipients=NUMBERS[:2], draft=Draft(MessageType.TEXT, "x"))
        send_all()
        Message.objects.update(created_at=timezone.now() - timedelta(days=2))
        assert housekeeping.purge() == 2
        assert (Bulk.objects.get().accepted, used(user)) == (2, (2, 0))


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
