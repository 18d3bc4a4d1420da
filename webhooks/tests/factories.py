"""Endpoints and deliveries for tests, made the way the product makes them."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

import events
from events.relay import relay_once
from users.events import UserCreated
from users.models import User
from webhooks import services
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.services import WithSecret


def make_endpoint(owner: User, **fields: Any) -> WithSecret:
    """An endpoint of `owner` for what `publish` publishes and what webhooks tell."""
    fields.setdefault("url", "https://hooks.example.com/in")
    fields.setdefault("event_types", ["user.created", "webhook.*"])
    return services.create_endpoint(owner=owner, actor=fields.pop("actor", owner), **fields)


def publish(owner: User, number: int = 1, stream: str = "") -> None:
    """Publish events to the owner's stream."""
    for _ in range(number):
        with transaction.atomic():
            events.publish(
                UserCreated(user=owner.pk, username=owner.username, is_guest=False), stream=stream or f"user:{owner.pk}"
            )


def deliver_to_queue(owner: User, number: int = 1) -> list[WebhookDelivery]:
    """Publish events and let the relay queue them; the new deliveries, oldest first."""
    known = set(WebhookDelivery.objects.values_list("pk", flat=True))
    publish(owner, number)
    while relay_once():
        continue
    return list(WebhookDelivery.objects.exclude(pk__in=known).order_by("created_at", "id"))


def end(delivery: WebhookDelivery, status: str) -> WebhookDelivery:
    """Let a delivery have ended."""
    WebhookDelivery.objects.filter(pk=delivery.pk).update(status=status, finished_at=timezone.now())
    delivery.refresh_from_db()
    return delivery


def make_due(**fields: Any) -> int:
    """Let the time pass until pending deliveries are due; how many."""
    due = timezone.now() - timedelta(seconds=1)
    return WebhookDelivery.objects.filter(status="pending", **fields).update(next_attempt_at=due)


def reload(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """The endpoint as it is now."""
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


def the_delivery() -> WebhookDelivery:
    """The only one."""
    return WebhookDelivery.objects.get()


def the_attempt() -> WebhookAttempt:
    """The only one."""
    return WebhookAttempt.objects.get()


def waits(delivery: WebhookDelivery) -> timedelta:
    """How long until it is tried again."""
    return delivery.next_attempt_at - timezone.now()
