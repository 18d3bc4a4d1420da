"""From committed events to deliveries: called by the relay in the transaction that takes the events."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from uuid import UUID

import orjson
from django.utils import timezone

from core.ids import uuid7
from events.selectors import StoredEvent
from events.streams import followers
from webhooks import selectors
from webhooks.bell import BELL
from webhooks.models import WebhookDelivery
from webhooks.selectors import Listener

# Rows of one statement: what is in memory at a time does not grow with the number of endpoints.
CHUNK = 1000
_OPTIONS = orjson.OPT_UTC_Z


def consume(events: list[StoredEvent]) -> None:
    """Queue each event for each endpoint that listens to it. Handed the same event again, it queues nothing more."""
    audience = {stream: frozenset(followers(stream)) for stream in {event.stream for event in events}}
    found = selectors.listeners({event.type for event in events}, frozenset[UUID]().union(*audience.values()))
    if not found:
        return
    rows = _deliveries(events, audience, found)
    queued = False
    while chunk := list(islice(rows, CHUNK)):
        WebhookDelivery.objects.bulk_create(chunk, ignore_conflicts=True)
        queued = True
    if queued:
        BELL.ring_after_commit()


def body_text(*, kind: str, moment: str, event_id: UUID, stream: str | None, seq: int | None, data: bytes) -> str:
    """The JSON text that is signed and sent; `data` is JSON already, `moment` an ISO time."""
    head = orjson.dumps({"type": kind, "timestamp": moment, "id": str(event_id), "stream": stream, "seq": seq})
    return (head[:-1] + b',"data":' + data + b"}").decode()


def _deliveries(
    events: list[StoredEvent], audience: Mapping[str, Collection[UUID]], found: list[Listener]
) -> Iterator[WebhookDelivery]:
    now = timezone.now()
    platform = [one for one in found if one.is_platform]
    own: defaultdict[UUID, list[Listener]] = defaultdict(list)
    for one in found:
        if not one.is_platform:
            own[one.owner_id].append(one)
    for event in events:
        wanted = set(selectors.patterns_of(event.type))
        heard = [*platform, *(one for user in audience[event.stream] for one in own.get(user, ()))]
        heard = [one for one in heard if not wanted.isdisjoint(one.patterns)]
        if not heard:
            continue
        body = body_text(
            kind=event.type,
            moment=orjson.dumps(event.created_at, option=_OPTIONS).decode().strip('"'),
            event_id=event.id,
            stream=event.stream,
            seq=event.seq,
            data=event.payload,
        )
        for one in heard:
            yield WebhookDelivery(
                id=uuid7(),
                endpoint_id=one.id,
                event_id=event.id,
                event_type=event.type,
                body=body,
                next_attempt_at=now,
                created_at=now,
            )
