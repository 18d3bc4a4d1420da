"""The relay's side: committed events become queued deliveries, beside one ORM `create` for each in a transaction of its own."""

import time
from collections.abc import Callable, Sequence

import orjson
from django.db import transaction

from bench.webhooks.people import forget, make_owners, publish
from events.models import Event, PendingEvent
from events.relay import relay_once
from events.streams import followers
from users.models import User
from webhooks import fanout
from webhooks.models import WebhookDelivery, WebhookEndpoint

OWNERS = 100
NOWHERE = "https://hooks.example.com/in"
NAIVE_EVENTS = 200


def measure(deliveries: int, endpoints: int, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """Deliveries a second into the queue, ours and naively, the medians of rounds that take turns."""
    owners = make_owners(f"of{endpoints}-", OWNERS, endpoints=endpoints, url=NOWHERE)
    ours, naive = [], []
    for _ in range(rounds):
        ours.append(_relayed(owners, deliveries // endpoints, deliveries))
        naive.append(_naively(owners, NAIVE_EVENTS // endpoints, NAIVE_EVENTS))
        say(f"{endpoints} endpoints an owner: {ours[-1]:,.0f} deliveries/s queued, one by one {naive[-1]:,.0f}")
    forget()
    middle = sorted(ours)[rounds // 2], sorted(naive)[rounds // 2]
    return {"per_s": round(middle[0]), "naive_per_s": round(middle[1]), "times_naive": round(middle[0] / middle[1], 1)}


def _relayed(owners: Sequence[User], count: int, expected: int) -> float:
    publish(owners, count)
    before, began = WebhookDelivery.objects.count(), time.perf_counter()
    while relay_once():
        continue
    elapsed = time.perf_counter() - began
    return _checked(before, expected) / elapsed


def _naively(owners: Sequence[User], count: int, expected: int) -> float:
    """The same rows of such events: a query for each event's endpoints, then one row and one commit at a time."""
    publish(owners, count)
    PendingEvent.objects.all().delete()
    events = list(Event.objects.order_by("-id")[:count])
    before, began = WebhookDelivery.objects.count(), time.perf_counter()
    for event in events:
        for endpoint in WebhookEndpoint.objects.sending().filter(owner_id__in=followers(event.stream)):
            body = fanout.body_text(
                kind=event.type,
                moment=event.created_at.isoformat(),
                event_id=event.pk,
                stream=event.stream,
                seq=event.seq,
                data=orjson.dumps(event.payload),
            )
            with transaction.atomic():
                WebhookDelivery.objects.create(endpoint=endpoint, event_id=event.pk, event_type=event.type, body=body)
    elapsed = time.perf_counter() - began
    return _checked(before, expected) / elapsed


def _checked(before: int, expected: int) -> int:
    queued = WebhookDelivery.objects.count() - before
    if queued != expected:
        raise RuntimeError(f"{queued} deliveries were queued instead of {expected}")
    return queued
