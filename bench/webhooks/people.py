"""Owners with endpoints, and their events. Each event carries the moment it was published at."""

import time
from collections.abc import Sequence

from django.db import connection, transaction

import events
from core import crypto
from users.events import UserCreated
from users.models import User
from webhooks.models import WebhookEndpoint
from webhooks.signing import new_secret

A_TIME = 100


def make_owners(name: str, count: int, *, endpoints: int, url: str) -> list[User]:
    """People with so many endpoints each."""
    owners: list[User] = User.objects.bulk_create(
        [User(username=f"{name}{n}", email=f"{name}{n}@example.com") for n in range(count)]
    )
    WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(owner=owner, url=url, event_types=["user.*"], secret=crypto.encrypt(new_secret()))
        for owner in owners
        for _ in range(endpoints)
    )
    return owners


def publish(owners: Sequence[User], count: int) -> None:
    """Events on the owners' streams in turn, a hundred in a transaction."""
    for start in range(0, count, A_TIME):
        with transaction.atomic():
            for number in range(start, min(start + A_TIME, count)):
                owner = owners[number % len(owners)]
                told = UserCreated(user=owner.pk, username=str(time.monotonic()), is_guest=False)
                events.publish(told, stream=f"user:{owner.pk}")


def forget() -> None:
    """Delete all endpoints and deliveries."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE webhooks_webhookendpoint, webhooks_webhookdelivery, webhooks_webhookattempt")
