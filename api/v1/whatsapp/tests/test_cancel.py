"""POST /api/v1/messages/{id}/cancel/"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from api.tests.answers import error
from api.v1.whatsapp.tests.support import MESSAGES, everything, sent_today
from core.models import AuditEntry
from modules.whatsapp.models import Message
from modules.whatsapp.tests.factories import connected, reload, send, send_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(user, session):
    """A queued message."""
    return send(user)


def cancel(caller, message):
    return caller.post(f"{MESSAGES}{message.pk}/cancel/")


def test_only_who_may_send_is_let_in(closed, message):
    closed("post", f"{MESSAGES}{message.pk}/cancel/", scope="whatsapp:send")


def test_others_do_not_find_it(as_other, as_admin, as_test_key, message):
    before = everything()
    for stranger in (as_other, as_admin, as_test_key):
        assert error(cancel(stranger, message)) == (404, "not_found")
    assert everything() == before


def test_what_is_not_there_is_not_found(as_key):
    assert error(as_key.post(f"{MESSAGES}{uuid4()}/cancel/")) == (404, "not_found")


def test_it_is_taken_back_and_counts_no_more(as_key, user, message):
    assert sent_today(user) == 1
    answer = cancel(as_key, message)
    assert answer.status_code == 200
    assert (answer.json()["data"]["status"], answer.json()["data"]["error_code"]) == ("cancelled", "cancelled_by_owner")
    message = reload(message)
    assert (message.status, message.quota_day, message.finished_at is None) == ("cancelled", None, False)
    assert sent_today(user) == 0
    assert AuditEntry.objects.get(action="whatsapp.message_cancelled").target_id == str(message.pk)


@pytest.mark.django_db(transaction=True)
def test_it_is_never_sent(as_key, user):
    connected(user)
    message = send(user)
    cancel(as_key, message)
    assert send_all() == 0
    assert reload(message).status == "cancelled"


def test_one_for_later_can_be_taken_back_too(as_key, user, session):
    message = send(user, send_at=timezone.now() + timedelta(days=3))
    assert cancel(as_key, message).status_code == 200
    assert sent_today(user) == 0


@pytest.mark.parametrize("status", ["sending", "unknown", "sent", "delivered", "read", "failed", "cancelled"])
def test_what_is_on_its_way_or_over_is_not(as_key, user, message, status):
    lease = timezone.now() if status == "sending" else None
    Message.objects.filter(pk=message.pk).update(status=status, lease_until=lease)
    before = everything()
    assert error(cancel(as_key, message)) == (409, "message_not_cancellable")
    assert everything() == before


def test_an_inbound_message_is_not(as_key, user, session):
    message = Message.objects.create(user=user, session=session, recipient="+14155552671", direction="inbound", status="received")
    assert error(cancel(as_key, message)) == (409, "message_not_cancellable")
    assert reload(message).status == "received"


def test_a_repeat_with_the_same_idempotency_key_gives_one_unit_back(as_key, user, message):
    send(user)
    path = f"{MESSAGES}{message.pk}/cancel/"
    answers = [as_key.post(path, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sent_today(user) == 1
