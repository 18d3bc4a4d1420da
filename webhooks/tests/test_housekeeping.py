"""Retention, and what is left behind for endpoints that are off."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webhooks import housekeeping, tasks
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.tests.factories import deliver_to_queue, end, make_endpoint

pytestmark = pytest.mark.django_db


def test_finished_deliveries_go_after_their_time_with_their_attempts(user, settings, monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    make_endpoint(user)
    old, young, pending = deliver_to_queue(user, 9)[:7], *deliver_to_queue(user, 2)
    for delivery in (*old, young):
        end(delivery, "succeeded")
        WebhookAttempt.objects.create(delivery=delivery, number=1, started_at=timezone.now(), duration_ms=1)
    limit = timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    ids = [delivery.pk for delivery in old]
    WebhookDelivery.objects.filter(pk__in=ids).update(finished_at=limit - timedelta(minutes=1))
    WebhookDelivery.objects.filter(pk=pending.pk).update(created_at=limit - timedelta(days=1))
    assert tasks.purge() == 7
    assert not WebhookDelivery.objects.filter(pk__in=ids).exists()
    assert list(WebhookAttempt.objects.values_list("delivery_id", flat=True)) == [young.pk]
    assert WebhookDelivery.objects.filter(pk=pending.pk).exists()


def test_what_was_queued_for_an_endpoint_just_switched_off_is_cancelled(user, other):
    off, on = make_endpoint(user), make_endpoint(other)
    deliver_to_queue(user, 2)
    deliver_to_queue(other)
    WebhookEndpoint.objects.filter(pk=off.endpoint.pk).update(
        is_active=False, disabled_reason="failing", disabled_at=timezone.now()
    )
    assert tasks.sweep() == 2
    assert set(WebhookDelivery.objects.filter(endpoint=on.endpoint).values_list("status", flat=True)) == {"pending"}
    assert tasks.sweep() == 0


def test_so_is_what_waits_for_an_owner_who_is_not_active(user):
    make_endpoint(user)
    deliver_to_queue(user)
    user.is_active = False
    user.save()
    assert housekeeping.sweep() == 1
    assert WebhookDelivery.objects.get().status == "cancelled"
