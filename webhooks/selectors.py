"""Reads over several models: which endpoints hear of which events, and deliveries by hour."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.db.hours import count_by_hour
from events import catalogue
from webhooks.choices import Audience
from webhooks.models import WebhookEndpoint

ANY = "*"
_OUTCOMES = {"succeeded": "status = 'succeeded'", "failed": "status = 'failed'", "other": "status IN ('pending', 'cancelled')"}


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint as the fan-out sees it."""

    id: UUID
    owner_id: UUID
    is_platform: bool
    patterns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hour:
    """What became of the deliveries that began in one hour."""

    start: datetime
    succeeded: int
    failed: int
    other: int


def patterns_of(event_type: str) -> list[str]:
    """Everything an endpoint may name to get a type: `*`, its prefixes, itself."""
    parts = event_type.split(".")
    return [ANY, *(".".join([*parts[:end], ANY]) for end in range(1, len(parts))), event_type]


def matches_something(pattern: str) -> bool:
    """Whether a pattern means at least one type of the catalogue."""
    return any(pattern in patterns_of(kind.name) for kind in catalogue.event_types())


def listeners(event_types: Iterable[str], followers: Collection[UUID]) -> list[Listener]:
    """The endpoints that get any of these types, of these owners or for the whole platform; one query."""
    wanted = sorted({pattern for name in event_types for pattern in patterns_of(name)})
    mine = Q(audience=Audience.OWN, owner_id__in=followers) | Q(audience=Audience.PLATFORM)
    rows = WebhookEndpoint.objects.sending().filter(mine, event_types__overlap=wanted)
    return [
        Listener(key, owner, audience == Audience.PLATFORM, frozenset(patterns))
        for key, owner, audience, patterns in rows.order_by("id").values_list("id", "owner_id", "audience", "event_types")
    ]


def deliveries_by_hour(end: datetime, hours: int) -> list[Hour]:
    """The last `hours` hours up to the one `end` is in, oldest first."""
    return [Hour(*row) for row in count_by_hour("webhooks_webhookdelivery", _OUTCOMES, end, hours)]
