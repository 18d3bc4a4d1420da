"""The periodic tasks do all that time asks for, and say how much that was."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from core.tests.file_samples import PDF
from modules.whatsapp import tasks
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Bulk, InboundEvent, Media, Message
from modules.whatsapp.services import media, sandbox
from modules.whatsapp.tests.factories import ALICE, connected, reload, send

pytestmark = pytest.mark.django_db


def test_the_sweep_fails_what_waited_too_long_and_ends_bulks(user):
    bulk = Bulk.objects.create(user=user, session=connected(user))
    late = send(user)
    Message.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert tasks.sweep() == 2
    assert (reload(late).status, reload(bulk).status) == ("failed", "finished")
    assert tasks.sweep() == 0


def test_the_purge_removes_files_events_and_messages(user, settings):
    settings.WHATSAPP_MESSAGE_RETENTION_DAYS = 90
    sandbox.write(session=connected(user), sender=ALICE, text="hi")
    send(user)
    file = media.upload(user_id=user.pk, kind=MessageType.DOCUMENT, content=BytesIO(PDF), size=len(PDF), filename="a.pdf")
    long_ago = timezone.now() - timedelta(days=400)
    InboundEvent.objects.update(processed_at=long_ago)
    Message.objects.update(status="sent", created_at=long_ago)
    Media.objects.update(created_at=long_ago)
    assert tasks.purge() == 3
    assert not InboundEvent.objects.exists()
    assert not Message.objects.exists()
    assert reload(file).status == "expired"
    assert tasks.purge() == 0
