"""What becomes of attempts: each verdict's outcome, units given back, what rests, and what is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import UsageStats
from modules.whatsapp import claims, outcomes
from modules.whatsapp.attempting import Outcome
from modules.whatsapp.gateways.base import GatewayError, Receipt, Verdict
from modules.whatsapp.models import Bulk, Contact, InboundEvent, Message, MessageAttempt, WhatsAppSession
from modules.whatsapp.sending import recover
from modules.whatsapp.services import contacts, messages
from modules.whatsapp.services.sandbox import behave
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, hear_all, reload, send, send_all, told

pytestmark = pytest.mark.django_db(transaction=True)


def attempted(message: Message, error: GatewayError | None = None, **fields: Any) -> Outcome:
    """The outcome of a claimed message: an error, or the gateway's receipt."""
    message = reload(message)
    defaults = {
        "message_id": message.pk,
        "session_id": message.session_id,
        "number": message.attempts,
        "tries": message.tries,
        "is_repeatable": True,
        "started_at": timezone.now(),
        "duration_ms": 12,
        "receipt": None if error else Receipt("WAMID1", "14155552671@c.us"),
        "error": error,
    }
    return Outcome(**{**defaults, **fields})


def claimed(user, recipient: str = ALICE, **fields: Any) -> Message:
    """A message that a sender holds."""
    message = send(user, recipient, **fields)
    assert message.pk in {one.message_id for one in claims.claim(64, busy={})}
    return message


def failing(verdict: Verdict, **options: Any) -> GatewayError:
    return GatewayError(verdict, "some_code", "Some sentence.", **options)


def counted(user) -> int:
    return UsageStats.objects.get(user=user).messages_sent


class TestVerdicts:
    def test_a_receipt_makes_it_sent_and_keeps_who_it_is(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message)])
        message = reload(message)
        assert (message.status, message.provider_id, message.lease_until) == ("sent", "WAMID1", None)
        contact = Contact.objects.get()
        assert (contact.phone_number, contact.chat_id) == (ALICE, "14155552671@c.us")
        assert told(user) == ["message.queued", "message.sent"]
        assert counted(user) == 1

    def test_a_temporary_failure_queues_it_again_with_growing_waits(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.RETRY))])
        message = reload(message)
        assert (message.status, message.error_code, message.tries) == ("queued", "some_code", 1)
        assert timedelta(seconds=3.5) < message.next_attempt_at - timezone.now() < timedelta(seconds=6.5)
        assert told(user) == ["message.queued"]
        assert MessageAttempt.objects.get().error_code == "some_code"

    @pytest.mark.parametrize(("tries", "seconds"), [(1, 5), (2, 15), (3, 60), (4, 300), (8, 3600)])
    def test_the_waits(self, user, tries, seconds):
        connected(user)
        message = claimed(user)
        Message.objects.update(tries=tries)
        outcomes.settle([attempted(message, failing(Verdict.RETRY), tries=tries)])
        wait = (reload(message).next_attempt_at - timezone.now()).total_seconds()
        assert seconds * 0.75 < wait < seconds * 1.25

    def test_a_gateway_that_names_its_wait_gets_it(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.RETRY, retry_after=120.0))])
        assert reload(message).next_attempt_at - timezone.now() > timedelta(seconds=90)

    def test_waits_of_four_to_the_power_of_the_tries(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.RETRY, wait_base=4), tries=3)])
        wait = (reload(message).next_attempt_at - timezone.now()).total_seconds()
        assert 64 * 0.75 < wait < 64 * 1.25

    def test_after_the_last_try_it_has_failed_and_its_unit_is_given_back(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.RETRY), tries=outcomes.MAX_TRIES)])
        assert (reload(message).status, reload(message).quota_day, counted(user)) == ("failed", None, 0)

    def test_a_permanent_failure_fails_it_at_once_and_gives_its_unit_back(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.FAIL))])
        message = reload(message)
        assert (message.status, message.error_code, message.error_message) == ("failed", "some_code", "Some sentence.")
        assert message.finished_at is not None
        assert told(user) == ["message.queued", "message.failed"]
        assert counted(user) == 0

    def test_what_may_have_been_sent_is_repeated_only_under_its_id(self, user):
        connected(user)
        safe, unsafe = claimed(user), claimed(user, NUMBERS[1])
        broken = failing(Verdict.AMBIGUOUS)
        outcomes.settle([attempted(safe, broken, is_repeatable=True), attempted(unsafe, broken, is_repeatable=False)])
        assert reload(safe).status == "queued"
        assert (reload(unsafe).status, reload(unsafe).error_code) == ("unknown", "some_code")
        assert told(user)[-1] == "message.unknown"
        # It may have arrived: the unit stays spent.
        assert counted(user) == 2

    def test_a_number_that_must_rest_is_paused_and_its_messages_wait_without_blame(self, user):
        session = connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.PAUSE))])
        session, message = reload(session), reload(message)
        assert (message.status, message.tries) == ("queued", 0)
        assert (session.status, session.pause_reason) == ("connected", "some_code")
        assert session.paused_until > timezone.now() + timedelta(minutes=20)
        assert claims.claim(9, busy={}) == []
        assert told(user)[-1] == "session.changed"

    def test_a_session_that_must_be_mended_stops_and_says_why(self, user):
        session = connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.ACTION))])
        session = reload(session)
        assert (session.status, session.status_reason, session.status_detail) == (
            "action_required",
            "some_code",
            "Some sentence.",
        )
        assert (reload(message).status, reload(message).tries) == ("queued", 0)


class TestNobodyKnows:
    def test_what_may_have_been_sent_never_ends_as_failed_and_keeps_its_unit_and_its_id(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.AMBIGUOUS))])
        name = reload(message).client_message_id
        Message.objects.update(next_attempt_at=timezone.now())
        assert len(claims.claim(1, busy={})) == 1
        outcomes.settle([attempted(message, failing(Verdict.FAIL))])
        assert (reload(message).status, reload(message).may_be_sent, counted(user)) == ("unknown", True, 1)
        messages.retry(message=message, actor=user)
        assert (reload(message).client_message_id, counted(user)) == (name, 1)

    def test_nor_does_it_after_its_last_try(self, user):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.AMBIGUOUS), tries=outcomes.MAX_TRIES)])
        assert (reload(message).status, counted(user)) == ("unknown", 1)

    def test_who_opted_out_while_it_was_under_way_gets_no_second_try(self, user):
        session = connected(user)
        message = claimed(user)
        contacts.add_opt_out(user_id=user.pk, environment="live", recipient=ALICE, actor=user)
        outcomes.settle([attempted(message, failing(Verdict.RETRY))])
        Message.objects.update(next_attempt_at=timezone.now())
        send_all()
        assert (reload(message).status, reload(message).error_code) == ("failed", "recipient_opted_out")
        assert reload(session).status == "connected"

    @pytest.mark.parametrize(("state", "status", "held"), [("paused", "queued", True), ("cancelled", "cancelled", False)])
    def test_what_goes_back_to_the_queue_obeys_its_bulk(self, user, state, status, held):
        session = connected(user)
        bulk = Bulk.objects.create(user=user, session=session, accepted=1)
        message = claimed(user)
        Message.objects.update(bulk=bulk)
        Bulk.objects.update(status=state)
        outcomes.settle([attempted(message, failing(Verdict.RETRY))])
        assert (reload(message).status, reload(message).is_held) == (status, held)


class TestLateWords:
    @pytest.mark.parametrize("status", ["queued", "cancelled", "failed"])
    def test_a_message_that_proves_to_be_delivered_is_not_sent_again(self, user, status):
        connected(user)
        message = claimed(user)
        outcomes.settle([attempted(message, failing(Verdict.AMBIGUOUS))])
        Message.objects.update(status=status, next_attempt_at=timezone.now())
        payload = {"kind": "ack", "id": "P1", "message": str(message.pk), "status": "delivered", "at": timezone.now().timestamp()}
        InboundEvent.objects.create(session_id=message.session_id, driver="sandbox", event_id="late", payload=payload)
        hear_all()
        assert reload(message).status == "delivered"
        assert claims.claim(9, busy={}) == []

    def test_an_acknowledgement_that_was_quicker_than_the_answer_stays(self, user):
        connected(user)
        message = claimed(user)
        outcome = attempted(message)
        Message.objects.update(status="delivered", lease_until=None, delivered_at=timezone.now())
        outcomes.settle([outcome])
        message = reload(message)
        assert (message.status, message.provider_id) == ("delivered", "WAMID1")
        assert "message.sent" not in told(user)

    def test_the_failure_of_an_attempt_that_was_given_up_changes_nothing(self, user):
        connected(user)
        message = claimed(user)
        late = attempted(message, failing(Verdict.FAIL))
        Message.objects.update(attempts=2)
        outcomes.settle([late])
        assert reload(message).status == "sending"

    def test_the_receipt_of_an_attempt_that_was_given_up_counts(self, user):
        connected(user)
        message = claimed(user)
        late = attempted(message)
        Message.objects.update(status="queued", lease_until=None)
        outcomes.settle([late])
        assert reload(message).status == "sent"
        assert claims.claim(9, busy={}) == []

    def test_a_message_that_is_gone_is_passed_over(self, user):
        connected(user)
        message, other = claimed(user), claimed(user, NUMBERS[1])
        gone, kept = attempted(message), attempted(other, receipt=Receipt("WAMID2"))
        Message.objects.filter(pk=message.pk).delete()
        outcomes.settle([gone, kept])
        assert reload(other).status == "sent"


class TestDeadSenders:
    def test_what_a_dead_sender_held_is_queued_again_where_its_id_makes_that_safe(self, user):
        connected(user)
        message = claimed(user)
        assert recover() == 0
        Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert recover() == 1
        message = reload(message)
        assert (message.status, message.error_code, message.lease_until) == ("queued", "sender_died", None)

    def test_and_is_unknown_where_it_does_not(self, user):
        connected(user)
        message = claimed(user)
        Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1), client_message_id=claims.UNNAMED)
        assert recover() == 1
        assert (reload(message).status, told(user)[-1]) == ("unknown", "message.unknown")

    @pytest.mark.parametrize(("driver", "status"), [("waha", "queued"), ("cloud_api", "unknown")])
    def test_one_that_was_not_named_yet_was_not_sent_where_messages_are_named_first(self, user, driver, status):
        connected(user)
        message = claimed(user)
        Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1), client_message_id="")
        WhatsAppSession.objects.update(driver=driver)
        assert recover() == 1
        assert reload(message).status == status


class TestBulks:
    def test_a_bulk_is_finished_with_its_last_message_however_that_ends(self, user):
        session = connected(user)
        bulk = Bulk.objects.create(user=user, session=session, accepted=2)
        first, second = claimed(user), claimed(user, NUMBERS[1])
        Message.objects.update(bulk=bulk)
        outcomes.settle([attempted(first)])
        assert reload(bulk).status == "running"
        outcomes.settle([attempted(second, failing(Verdict.FAIL))])
        assert (reload(bulk).status, told(user)[-1]) == ("finished", "bulk.changed") or told(user)[-2] == "bulk.changed"
        assert reload(bulk).finished_at is not None


class TestSandbox:
    def test_the_sandbox_says_its_acknowledgements_once_even_if_it_is_asked_twice(self, user):
        connected(user)
        send(user)
        send_all()
        assert InboundEvent.objects.count() == 2
        assert {event.driver for event in InboundEvent.objects.all()} == {"sandbox"}

    @pytest.mark.parametrize(
        ("fail", "status"),
        [("retry", "queued"), ("fail", "failed"), ("ambiguous", "queued"), ("pause", "queued"), ("action", "queued")],
    )
    def test_it_fails_as_it_is_told(self, user, fail, status):
        behave(session=connected(user), fail=fail)
        message = send(user)
        send_all()
        assert (reload(message).status, reload(message).error_code) == (status, f"sandbox_{fail}")

    def test_a_number_that_ends_in_four_zeros_has_no_whatsapp(self, user):
        connected(user)
        message = send(user, "+12025550000")
        send_all()
        assert (reload(message).status, reload(message).error_code, counted(user)) == ("failed", "not_on_whatsapp", 0)


def test_a_retried_failure_counts_again_and_goes_out(user):
    session = behave(session=connected(user), fail="fail")
    message = send(user)
    send_all()
    assert counted(user) == 0
    behave(session=session, fail="")
    messages.retry(message=message, actor=user)
    assert counted(user) == 1
    send_all()
    assert reload(message).status == "sent"
    assert WhatsAppSession.objects.get().status == "connected"
