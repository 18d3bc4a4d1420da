"""When an endpoint is given up, and what is under way then."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from webhooks import services
from webhooks.models import WebhookAttempt, WebhookDelivery
from webhooks.schedule import DELAYS, MAX_TRIES
from webhooks.tests.factories import deliver_to_queue, make_due, make_endpoint, reload, the_delivery, waits
from webhooks.tests.receiver import answers, hangs

pytestmark = pytest.mark.django_db


class TestTheEnd:
    def test_each_failure_is_followed_by_the_next_delay_and_the_last_switches_the_endpoint_off(
        self, user, receiver, sender, django_capture_on_commit_callbacks
    ):
        target = receiver(answers(500))
        made = make_endpoint(user, url=f"{target.url}?token=hidden")
        deliver_to_queue(user)
        for delay in DELAYS[1:]:
            sender.drain()
            delivery = the_delivery()
            assert delivery.status == "pending"
            assert delay * 0.9 - timedelta(seconds=5) < waits(delivery) <= delay * 1.1
            make_due()
        with django_capture_on_commit_callbacks(execute=True):
            sender.drain()
        assert len(target.seen) == MAX_TRIES == the_delivery().attempts
        assert len({got.id for got in target.seen}) == 1
        assert the_delivery().status == "failed"
        endpoint = reload(made.endpoint)
        assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing")
        (letter,) = mail.outbox
        assert (letter.to, "/hook" in letter.body, "hidden" in letter.body) == ([user.email], True, False)

    def test_the_owners_other_endpoints_hear_of_it_and_it_does_not_go_on_for_ever(self, user, receiver, sender):
        gone, well = receiver(answers(410)), receiver()
        make_endpoint(user, url=gone.url)
        make_endpoint(user, url=well.url, event_types=["webhook.disabled"])
        deliver_to_queue(user)
        sender.drain()
        assert len(deliver_to_queue(user, 0)) == 1
        sender.drain()
        (told,) = well.seen
        assert (told.json["type"], told.json["data"]["reason"]) == ("webhook.disabled", "gone")
        assert deliver_to_queue(user, 0) == []
        assert len(gone.seen) == 1

    def test_410_switches_off_at_once_and_cancels_what_was_waiting(self, user, receiver, sender):
        target = receiver(answers(410))
        made = make_endpoint(user, url=target.url)
        deliver_to_queue(user, 3)
        later = WebhookDelivery.objects.order_by("created_at", "id").last()
        WebhookDelivery.objects.exclude(pk=later.pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
        sender.drain()
        assert reload(made.endpoint).disabled_reason == "gone"
        assert sorted(WebhookDelivery.objects.values_list("status", flat=True)) == ["cancelled", "cancelled", "failed"]
        assert deliver_to_queue(user) == []

    def test_an_endpoint_whose_url_was_changed_meanwhile_is_not_switched_off(self, user, receiver, sender):
        old, new = receiver(answers(410)), receiver()
        made = make_endpoint(user, url=old.url)
        deliver_to_queue(user)
        sender.claim()
        services.update_endpoint(endpoint=made.endpoint, actor=user, url=new.url)
        sender.drain()
        assert reload(made.endpoint).is_active

    def test_a_test_is_tried_once_and_switches_nothing_off(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(answers(500)).url)
        services.send_test(endpoint=made.endpoint, actor=user)
        sender.drain()
        assert (the_delivery().status, the_delivery().attempts) == ("failed", 1)
        assert reload(made.endpoint).is_active

    def test_nothing_is_sent_for_an_owner_who_is_not_active(self, user, receiver, sender):
        target = receiver()
        make_endpoint(user, url=target.url)
        deliver_to_queue(user)
        user.is_active = False
        user.save()
        assert sender.drain() == 0
        assert target.seen == []

    def test_a_delivery_cancelled_while_it_was_under_way_counts_when_it_arrived(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(hangs(0.3)).url)
        deliver_to_queue(user)
        sender.claim()
        services.disable_endpoint(endpoint=made.endpoint, actor=user)
        assert the_delivery().status == "cancelled"
        sender.drain()
        assert the_delivery().status == "succeeded"

    def test_an_endpoint_deleted_while_its_delivery_was_under_way_leaves_nothing(self, user, receiver, sender):
        made = make_endpoint(user, url=receiver(hangs(0.3)).url)
        deliver_to_queue(user)
        sender.claim()
        services.delete_endpoint(endpoint=made.endpoint, actor=user)
        sender.drain()
        assert not WebhookDelivery.objects.exists()
        assert not WebhookAttempt.objects.exists()
