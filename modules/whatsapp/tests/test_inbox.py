"""The inbox: what gateways told, worked off once, in whatever order it came."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from analytics.models import UsageStats
from modules.whatsapp import inbox
from modules.whatsapp.gateways import gateway
from modules.whatsapp.models import Contact, InboundEvent, Media, Message
from modules.whatsapp.services import contacts, sandbox
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, hear_all, reload, send, send_all, told
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def acknowledged(message: Message, status: str, *, event_id: str = "", provider_id: str = "") -> InboundEvent:
    """A word of the sandbox about a message."""
    payload = {
        "kind": "ack",
        "id": provider_id or message.client_message_id,
        "message": str(message.pk),
        "status": status,
        "at": timezone.now().timestamp(),
    }
    return InboundEvent.objects.create(
        session_id=message.session_id, driver="sandbox", event_id=event_id or f"{message.pk}:{status}", payload=payload
    )


def sent(user) -> Message:
    sandbox.behave(session=connected(user), delivered_after_ms=-1, read_after_ms=-1)
    message = send(user)
    send_all()
    return reload(message)


class TestAcknowledgements:
    def test_they_move_a_message_forward_and_are_told_once(self, user):
        message = sent(user)
        acknowledged(message, "delivered")
        acknowledged(message, "delivered", event_id="again")
        assert hear_all() == 2
        message = reload(message)
        assert (message.status, message.read_at) == ("delivered", None)
        assert told(user).count("message.delivered") == 1

    def test_delivered_after_read_changes_nothing_but_when_it_was_delivered(self, user):
        message = sent(user)
        acknowledged(message, "read")
        hear_all()
        acknowledged(message, "delivered")
        hear_all()
        message = reload(message)
        assert message.status == "read"
        assert message.delivered_at is not None
        assert told(user)[-1] == "message.read"

    def test_failed_may_follow_sent_and_says_so(self, user):
        message = sent(user)
        acknowledged(message, "failed")
        hear_all()
        assert reload(message).status == "failed"
        assert told(user)[-1] == "message.failed"
        # It was sent: its unit is spent.
        assert UsageStats.objects.get(user=user).messages_sent == 1

    def test_failed_never_follows_delivered(self, user):
        message = sent(user)
        acknowledged(message, "delivered")
        hear_all()
        acknowledged(message, "failed")
        hear_all()
        assert reload(message).status == "delivered"

    def test_an_unknown_message_is_settled_by_its_acknowledgement(self, user):
        message = sent(user)
        Message.objects.update(status="unknown", error_code="gateway_timed_out", finished_at=timezone.now())
        acknowledged(message, "delivered")
        hear_all()
        message = reload(message)
        assert (message.status, message.error_code, message.finished_at) == ("delivered", "", None)

    def test_one_that_is_quicker_than_the_answer_ends_the_sending(self, user):
        connected(user)
        message = send(user)
        Message.objects.update(status="sending", lease_until=timezone.now() + timedelta(minutes=1))
        acknowledged(message, "delivered")
        hear_all()
        message = reload(message)
        assert (message.status, message.lease_until) == ("delivered", None)

    def test_a_failure_for_which_the_number_must_rest_pauses_its_session(self, user):
        session = connected(user, driver="cloud_api", routing_id="111")
        status = {"id": "wamid.1", "status": "failed", "timestamp": "1767600000", "errors": [{"code": 131048, "title": "Spam"}]}
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "111"}, "statuses": [status]}
        call = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
        (part,) = gateway("cloud_api").split_hook(call)
        InboundEvent.objects.create(session=session, driver="cloud_api", event_id=part.event_id, payload=part.payload)
        message = Message.objects.create(
            user=user, session=session, recipient=ALICE, content="x", status="sent", provider_id="wamid.1", sent_at=timezone.now()
        )
        hear_all()
        session = reload(session)
        assert (reload(message).status, reload(message).error_code) == ("failed", "spam_limit")
        assert (session.status, session.pause_reason) == ("connected", "spam_limit")
        assert session.paused_until > timezone.now() + timedelta(minutes=20)

    def test_one_that_fits_nothing_is_looked_at_again_and_then_given_up(self, user):
        message = sent(user)
        event = acknowledged(message, "delivered")
        event.payload = {**event.payload, "id": "NOBODY", "message": "01a1ff79-0000-7000-8000-000000000000"}
        event.save()
        for _ in range(inbox.MAX_TRIES):
            assert reload(event).processed_at is None
            assert hear_all() == 1
        event = reload(event)
        assert (event.processed_at is not None, event.error) == (True, inbox.NO_SUCH_MESSAGE)
        assert hear_all() == 0

    def test_what_cannot_be_understood_is_put_aside_and_holds_back_nobody(self, user):
        message = sent(user)
        InboundEvent.objects.create(
            session_id=message.session_id, driver="waha", event_id="odd", payload={"event": "message.ack"}
        )
        acknowledged(message, "delivered")
        while hear_all():
            continue
        assert reload(message).status == "delivered"


class TestIncoming:
    def test_a_message_is_kept_with_who_wrote_and_told(self, user):
        session = connected(user)
        sandbox.write(session=session, sender=ALICE, text="Hi there")
        assert hear_all() == 1
        message = Message.objects.get()
        assert (message.direction, message.status, message.recipient, message.content) == (
            "inbound",
            "received",
            ALICE,
            "Hi there",
        )
        assert Contact.objects.get().last_inbound_at is not None
        assert told(user) == ["message.received"]
        # Nobody pays for what others write.
        assert not UsageStats.objects.filter(messages_sent__gt=0).exists()

    def test_the_same_message_twice_is_one(self, user):
        session = connected(user)
        event = sandbox.write(session=session, sender=ALICE, text="Hi")
        InboundEvent.objects.create(session=session, driver="sandbox", event_id="again", payload=event.payload)
        hear_all()
        assert Message.objects.count() == 1
        assert told(user) == ["message.received"]

    def test_a_file_is_kept_to_be_fetched(self, user):
        session = connected(user, driver="waha")
        payload = {
            "id": "false_14155552671@c.us_ABC",
            "timestamp": 1767600000,
            "from": "14155552671@c.us",
            "fromMe": False,
            "to": "15550100000@c.us",
            "body": "look",
            "hasMedia": True,
            "media": {
                "url": f"http://waha:3000/api/files/{session.gateway_name}/a.jpeg",
                "mimetype": "image/jpeg",
                "filename": None,
            },
        }
        call = {
            "id": "evt_1",
            "event": "message",
            "timestamp": 1767600000000,
            "session": session.gateway_name,
            "payload": payload,
        }
        (part,) = gateway("waha").split_hook(call)
        InboundEvent.objects.create(session=session, driver="waha", event_id=part.event_id, payload=part.payload)
        hear_all()
        media = Media.objects.get()
        assert (media.status, media.kind, media.session_id) == ("pending", "image", session.pk)
        assert (Message.objects.get().media_id, Message.objects.get().recipient) == (media.pk, ALICE)


class TestOptingOut:
    @pytest.mark.parametrize("word", ["STOP", " stop ", "Unsubscribe", "Abmelden"])
    def test_who_says_stop_gets_nothing_more_not_even_what_waits(self, user, word):
        session = connected(user)
        waiting = send(user)
        elsewhere = send(user, NUMBERS[1])
        sandbox.write(session=session, sender=ALICE, text=word)
        hear_all()
        assert (reload(waiting).status, reload(waiting).error_code) == ("cancelled", "recipient_opted_out")
        assert reload(elsewhere).status == "queued"
        assert Contact.objects.get(phone_number=ALICE).opt_out_source == "inbound"
        assert "contact.opted_out" in told(user)
        assert UsageStats.objects.get(user=user).messages_sent == 1

    def test_a_message_that_only_holds_the_word_is_no_wish(self, user):
        session = connected(user)
        sandbox.write(session=session, sender=ALICE, text="please do not stop")
        hear_all()
        assert Contact.objects.get().opted_out_at is None

    def test_start_undoes_ones_own_stop_but_not_somebody_elses(self, user):
        session = connected(user)
        for text in ("stop", "start"):
            sandbox.write(session=session, sender=ALICE, text=text)
            hear_all()
        assert Contact.objects.get().opted_out_at is None
        contacts.add_opt_out(user_id=user.pk, environment="live", recipient=ALICE, actor=user)
        sandbox.write(session=session, sender=ALICE, text="start")
        hear_all()
        assert Contact.objects.get().opted_out_at is not None


class TestDisorder(TransactionTestCase):
    @settings(max_examples=20)
    @given(order=st.lists(st.sampled_from(["sent", "delivered", "read"]), min_size=1, max_size=6))
    def test_in_whatever_order_acknowledgements_come_the_furthest_counts_and_nothing_goes_back(self, order):
        user = make_user()
        message = sent(user)
        rank = {"sent": 0, "delivered": 1, "read": 2}
        seen = []
        for place, status in enumerate(order):
            acknowledged(message, status, event_id=f"{message.pk}:{place}")
            hear_all()
            seen.append(rank[reload(message).status])
        assert seen == sorted(seen)
        assert seen[-1] == max(rank[status] for status in order)
