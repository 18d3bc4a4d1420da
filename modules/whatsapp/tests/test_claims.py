"""Claims: what may be sent now, of whom, in which order, and how fast."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from modules.whatsapp import claims
from modules.whatsapp.choices import MediaStatus, SessionStatus, Wish
from modules.whatsapp.models import Contact, Media, Message, WhatsAppSession
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, reload, send
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db
BOB = NUMBERS[1]


def taken(limit: int = 64, **options) -> list[str]:
    """The contents that a claim takes, in their messages' order."""
    found = claims.claim(limit, busy=options.pop("busy", {}), **options)
    order = {message.pk: message.position for message in Message.objects.all()}
    return [one.content for one in sorted(found, key=lambda one: order[one.message_id])]


class TestWhoseTurn:
    def test_a_claim_holds_all_that_sending_needs_and_is_taken_once(self, user):
        session = connected(user)
        message = send(user, reply_to="X1")
        (one,) = claims.claim(5, busy={})
        assert (one.message_id, one.session_id, one.driver, one.recipient) == (message.pk, session.pk, "sandbox", ALICE)
        assert (one.content, one.reply_to, one.number, one.tries) == ("hello", "X1", 1, 1)
        assert one.client_message_id == message.client_message_id
        assert reload(message).status == "sending"
        assert reload(message).lease_until > timezone.now() + timedelta(seconds=20)
        assert claims.claim(5, busy={}) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"status": SessionStatus.QR_READY},
            {"status": SessionStatus.ACTION_REQUIRED},
            {"wish": Wish.STOPPED},
            {"is_suspended": True},
            {"paused_until": timezone.now() + timedelta(days=1)},
        ],
    )
    def test_nothing_is_taken_of_a_session_that_cannot_or_may_not_send(self, user, change):
        session = connected(user)
        send(user)
        WhatsAppSession.objects.filter(pk=session.pk).update(**change)
        assert taken() == []

    def test_nothing_is_taken_of_a_deactivated_account(self, user):
        connected(user)
        send(user)
        user.is_active = False
        user.save()
        assert taken() == []

    def test_a_pause_that_is_over_holds_nothing_back(self, user):
        connected(user, paused_until=timezone.now() - timedelta(seconds=1))
        send(user)
        assert taken() == ["hello"]

    def test_a_scheduled_message_waits_for_its_time_and_blocks_nobody(self, user):
        connected(user)
        send(user, content="tomorrow", send_at=timezone.now() + timedelta(days=1))
        send(user, content="today")
        assert taken() == ["today"]
        Message.objects.update(status="sent", lease_until=None)
        Message.objects.filter(content="tomorrow").update(status="queued")
        assert taken(now=timezone.now() + timedelta(days=1, seconds=1)) == ["tomorrow"]

    def test_what_is_held_is_passed_over_and_blocks_nobody(self, user):
        connected(user)
        held = send(user, content="held")
        Message.objects.filter(pk=held.pk).update(is_held=True)
        send(user, content="free")
        assert taken() == ["free"]

    def test_a_message_waits_for_its_file_and_those_after_it_wait_too(self, user):
        connected(user)
        media = Media.objects.create(user=user, kind="image", status=MediaStatus.PENDING, source_url="https://example.com/a.png")
        first = send(user, content="with a file")
        Message.objects.filter(pk=first.pk).update(media=media, message_type="image")
        send(user, content="after it")
        assert taken() == []
        Media.objects.update(status=MediaStatus.READY)
        assert taken() == ["with a file"]

    @pytest.mark.django_db(transaction=True)
    def test_what_somebody_holds_is_passed_over_and_stops_nobody(self, user, other):
        connected(user)
        connected(other)
        held, free = send(user), send(other, content="free")
        with ThreadPoolExecutor(1) as elsewhere, transaction.atomic():
            Message.objects.select_for_update().get(pk=held.pk)
            assert elsewhere.submit(_taken_elsewhere).result(timeout=10) == [free.pk]

    def test_a_message_goes_by_its_own_driver_or_not_at_all(self, user):
        session = connected(user)
        send(user)
        WhatsAppSession.objects.filter(pk=session.pk).update(driver="waha")
        assert taken() == []


def _taken_elsewhere() -> list[Any]:
    try:
        return [one.message_id for one in claims.claim(64, busy={})]
    finally:
        connection.close()


class TestOrder:
    def test_of_each_recipient_the_oldest_goes_alone(self, user):
        connected(user)
        for number in (1, 2, 3):
            send(user, content=f"alice {number}")
            send(user, BOB, content=f"bob {number}")
        assert taken() == ["alice 1", "bob 1"]
        assert taken() == []

    def test_one_that_waits_for_its_next_try_keeps_its_place(self, user):
        connected(user)
        first = send(user, content="first")
        send(user, content="second")
        Message.objects.filter(pk=first.pk).update(next_attempt_at=timezone.now() + timedelta(minutes=1))
        assert taken() == []
        assert taken(now=timezone.now() + timedelta(minutes=2)) == ["first"]

    def test_messages_of_one_moment_have_an_order_too(self, user):
        connected(user)
        made = [send(user, content=str(number)) for number in range(3)]
        Message.objects.update(position=timezone.now(), next_attempt_at=timezone.now())
        (one,) = claims.claim(9, busy={}, now=timezone.now() + timedelta(seconds=1))
        assert one.message_id == min(message.pk for message in made)

    def test_a_failed_one_lets_the_next_go(self, user):
        connected(user)
        first = send(user, content="first")
        send(user, content="second")
        Message.objects.filter(pk=first.pk).update(status="failed")
        assert taken() == ["second"]


class TestSlots:
    def test_a_session_takes_no_more_than_its_slots(self, user, settings):
        session = connected(user)
        settings.WHATSAPP_CONCURRENCY_PER_SESSION = 3
        for number in NUMBERS[:8]:
            send(user, number)
        assert len(claims.claim(64, busy={session.pk: 1})) == 2
        assert claims.claim(64, busy={session.pk: 3}) == []

    def test_a_claim_takes_no_more_than_it_was_asked_for(self, user, other):
        for person in (user, other, make_user(), make_user()):
            connected(person)
            for number in NUMBERS[:5]:
                send(person, number)
        assert len(claims.claim(3, busy={})) == 3

    def test_one_session_takes_a_quarter_of_the_free_slots_at_most(self, user):
        connected(user)
        for number in NUMBERS[:5]:
            send(user, number)
        assert len(claims.claim(8, busy={})) == 2

    def test_a_full_session_does_not_stand_in_the_way_of_another(self, user, other):
        full = connected(user)
        connected(other)
        send(user)
        send(other, content="of another")
        for _ in range(5):
            if found := taken(1, busy={full.pk: 99}):
                assert found == ["of another"]
                return
        pytest.fail("the other session was never taken")

    def test_few_messages_with_files_are_under_way_together_and_others_pass_them(self, user):
        connected(user)
        media = Media.objects.create(user=user, kind="image", status=MediaStatus.READY, file="a.png")
        for number in NUMBERS[:3]:
            send(user, number, content="file")
        Message.objects.update(media=media, message_type="image")
        send(user, NUMBERS[3], content="text")
        assert [one.content for one in claims.claim(64, busy={}, files=0)] == ["text"]
        assert [one.content for one in claims.claim(64, busy={}, files=2)] == ["file", "file"]

    def test_given_back_it_is_queued_and_not_counted(self, user):
        connected(user)
        message = send(user)
        claims.give_back(claims.claim(1, busy={}))
        assert (reload(message).status, reload(message).attempts, reload(message).lease_until) == ("queued", 0, None)
        assert taken() == ["hello"]


class TestPace:
    def test_a_session_sends_its_burst_and_then_by_its_pace(self, user):
        connected(user, messages_per_second=1.0, burst=3)
        for number in NUMBERS[:9]:
            send(user, number)
        now = timezone.now()
        assert len(claims.claim(64, busy={}, now=now)) == 3
        assert claims.claim(64, busy={}, now=now) == []
        # The jitter is a quarter: after two seconds at least one may go, and at most three.
        assert 1 <= len(claims.claim(64, busy={}, now=now + timedelta(seconds=2))) <= 3

    def test_a_paced_session_does_not_hold_back_another(self, user, other):
        connected(user, messages_per_second=0.01, burst=1)
        connected(other)
        for number in NUMBERS[:4]:
            send(user, number, content="slow")
            send(other, number, content="quick")
        assert sorted(taken()) == ["quick"] * 4 + ["slow"]

    def test_two_to_one_recipient_are_as_far_apart_as_the_gateway_asks(self, user):
        session = connected(user, driver="cloud_api")
        now = timezone.now()
        Contact.objects.create(session=session, phone_number=ALICE, last_outbound_at=now, last_inbound_at=now)
        Contact.objects.create(
            session=session, phone_number=BOB, last_outbound_at=now - timedelta(seconds=7), last_inbound_at=now
        )
        send(user, ALICE, "too soon")
        send(user, BOB, "rested")
        assert taken(now=now + timedelta(seconds=1)) == ["rested"]
        assert taken(now=now + timedelta(seconds=7)) == ["too soon"]


class TestPaceHolds(TestCase):
    @settings(max_examples=25)
    @given(
        rate=st.sampled_from([0.5, 1.0, 5.0, 20.0]),
        burst=st.integers(min_value=1, max_value=8),
        gaps=st.lists(st.floats(min_value=0.0, max_value=3.0), min_size=1, max_size=12),
    )
    def test_however_a_sender_looks_no_more_goes_out_than_burst_and_pace_allow(self, rate, burst, gaps):
        user = make_user()
        session = connected(user, messages_per_second=rate, burst=burst)
        for number in NUMBERS[:100]:
            Message.objects.create(user=user, session=session, recipient=number, content="x")
        began = now = timezone.now() + timedelta(seconds=1)
        sent = 0
        for gap in gaps:
            now += timedelta(seconds=gap)
            found = claims.claim(64, busy={}, now=now)
            sent += len(found)
            Message.objects.filter(pk__in=[one.message_id for one in found]).update(status="sent", lease_until=None)
            # The jitter makes a wait a quarter shorter at most.
            allowed = burst + (now - began).total_seconds() * rate / (1 - claims.JITTER)
            assert sent <= allowed + 1
