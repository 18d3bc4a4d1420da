"""Sending: from an accepted message to what the gateway made of it."""

import pytest

from analytics.models import UsageStats
from events.models import Event
from modules.whatsapp.models import Contact
from modules.whatsapp.tests.factories import ALICE, connected, hear_all, reload, send, send_all

pytestmark = pytest.mark.django_db


def told(user) -> list[str]:
    return list(Event.objects.filter(stream=f"user:{user.pk}").order_by("seq").values_list("type", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_text_goes_its_way_and_each_step_is_told(user):
    connected(user)
    message = send(user)
    assert (message.status, message.is_sandbox) == ("queued", True)
    assert send_all() == 1
    message = reload(message)
    assert (message.status, message.attempts, message.error_code) == ("sent", 1, "")
    assert message.provider_id
    assert hear_all() == 2
    message = reload(message)
    assert message.status == "read"
    assert None not in (message.sent_at, message.delivered_at, message.read_at)
    steps = [name for name in told(user) if name.startswith("whatsapp.message.")]
    assert steps == [f"whatsapp.message.{step}" for step in ("queued", "sent", "delivered", "read")]
    assert UsageStats.objects.get(user=user).messages_sent == 1
    assert Contact.objects.get(phone_number=ALICE).last_outbound_at is not None
