"""POST /api/v1/messages/{id}/retry/"""

from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error
from api.v1.whatsapp.tests.support import MESSAGES, everything, sent_today
from modules.whatsapp.models import Contact, Message, WhatsAppSession
from modules.whatsapp.tests.factories import ALICE, connected, reload, send, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def cancelled(as_key, user, session):
    """A message that was taken back."""
    message = send(user)
    as_key.post(f"{MESSAGES}{message.pk}/cancel/")
    return message


def retry(caller, message):
    return caller.post(f"{MESSAGES}{message.pk}/retry/")


def test_only_who_may_send_is_let_in(closed, cancelled):
    closed("post", f"{MESSAGES}{cancelled.pk}/retry/", scope="whatsapp:send")


def test_others_do_not_find_it(as_other, as_admin, as_test_key, cancelled):
    before = everything()
    for stranger in (as_other, as_admin, as_test_key):
        assert error(retry(stranger, cancelled)) == (404, "not_found")
    assert everything() == before


def test_what_is_not_there_is_not_found(as_key):
    assert error(as_key.post(f"{MESSAGES}{uuid4()}/retry/")) == (404, "not_found")


def test_what_was_taken_back_is_queued_anew_and_counts_again(as_key, user, cancelled):
    assert sent_today(user) == 0
    answer = retry(as_key, cancelled)
    assert (answer.status_code, answer.json()["data"]["status"], answer.json()["data"]["error_code"]) == (202, "queued", "")
    assert answer.json()["data"]["finished_at"] is None
    assert sent_today(user) == 1


@pytest.mark.django_db(transaction=True)
def test_a_failed_one_goes_out_the_second_time(as_key, user):
    session = connected(user, options={"fail": "fail"})
    message = send(user)
    send_all()
    assert (reload(message).status, sent_today(user)) == ("failed", 0)
    WhatsAppSession.objects.filter(pk=session.pk).update(options={})
    assert retry(as_key, message).status_code == 202
    send_all()
    message = reload(message)
    assert (message.status, message.attempts, message.error_code, sent_today(user)) == ("sent", 2, "", 1)


def test_an_unknown_one_was_counted_and_is_not_counted_twice(as_key, user, session):
    message = send(user)
    Message.objects.filter(pk=message.pk).update(status="unknown", error_code="gateway_timed_out")
    assert retry(as_key, message).status_code == 202
    assert (reload(message).status, sent_today(user)) == ("queued", 1)
    # By the same name a gateway that knows it sends it once.
    assert reload(message).client_message_id == message.client_message_id


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "read"])
def test_what_is_on_its_way_or_arrived_is_not_sent_again(as_key, user, session, status):
    message = send(user)
    lease = timezone.now() if status == "sending" else None
    Message.objects.filter(pk=message.pk).update(status=status, lease_until=lease)
    before = everything()
    assert error(retry(as_key, message)) == (409, "message_not_retryable")
    assert everything() == before


def test_an_inbound_message_is_not(as_key, user, session):
    message = Message.objects.create(user=user, session=session, recipient=ALICE, direction="inbound", status="received")
    assert error(retry(as_key, message)) == (409, "message_not_retryable")


def test_not_to_who_opted_out_meanwhile(as_key, session, cancelled):
    Contact.objects.create(session=session, phone_number=ALICE, opted_out_at=timezone.now(), opt_out_source="inbound")
    before = everything()
    assert error(retry(as_key, cancelled)) == (409, "recipient_opted_out")
    assert everything() == before


def test_not_past_the_quota(as_key, user, cancelled):
    user.max_messages_per_day = 0
    user.save()
    before = everything()
    assert error(retry(as_key, cancelled)) == (429, "daily_quota_exceeded")
    assert everything() == before


def test_not_by_a_session_that_is_closed_or_suspended(as_key, session, cancelled):
    WhatsAppSession.objects.update(wish="stopped", status="disconnected")
    assert error(retry(as_key, cancelled)) == (409, "session_not_connected")
    WhatsAppSession.objects.update(is_suspended=True)
    assert error(retry(as_key, cancelled)) == (403, "session_suspended")
    assert reload(cancelled).status == "cancelled"


def test_a_repeat_with_the_same_idempotency_key_counts_once(as_key, user, cancelled):
    path = f"{MESSAGES}{cancelled.pk}/retry/"
    answers = [as_key.post(path, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert sent_today(user) == 1
