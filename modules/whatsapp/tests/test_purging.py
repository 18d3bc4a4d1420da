"""What is removed in time, and what stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import files
from core.tests.file_samples import PDF
from modules.whatsapp import housekeeping
from modules.whatsapp.choices import MessageType
from modules.whatsapp.exceptions import MediaGone
from modules.whatsapp.models import Bulk, InboundEvent, Message, MessageAttempt
from modules.whatsapp.services import bulks, sandbox
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import ALICE, NUMBERS, aged, connected, reload, send, send_all, send_file, uploaded, used

pytestmark = pytest.mark.django_db


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
