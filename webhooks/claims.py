"""Taking deliveries that are due, fairly: a few of each endpoint, the endpoints in a random order.

A claim counts the attempt and moves `next_attempt_at` beyond the longest attempt: if this process is killed, the delivery becomes
due again by itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core import crypto

# In timeouts: looking a name up and waiting for the database are not in one.
LEASE = 3
# `waiting` hops through the index of pending deliveries from endpoint to endpoint: those without any cost nothing.
_CLAIM = """
WITH RECURSIVE known AS (
  SELECT * FROM unnest(%(known)s::uuid[], %(rooms)s::int[]) AS k(id, room)
), waiting AS (
  (SELECT endpoint_id AS id FROM webhooks_webhookdelivery WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT endpoint_id FROM webhooks_webhookdelivery
    WHERE status = 'pending' AND endpoint_id > waiting.id ORDER BY endpoint_id LIMIT 1
  ) FROM waiting WHERE id IS NOT NULL
), open AS (
  SELECT e.id, coalesce(k.room, %(each)s) AS room
  FROM waiting w
  JOIN webhooks_webhookendpoint e ON e.id = w.id
  JOIN users_user u ON u.id = e.owner_id AND u.is_active
  LEFT JOIN known k ON k.id = e.id
  WHERE e.is_active AND (e.audience = 'own' OR u.is_staff) AND coalesce(k.room, %(each)s) > 0
  ORDER BY random()
), due AS (
  SELECT d.id FROM open CROSS JOIN LATERAL (
    SELECT id FROM webhooks_webhookdelivery
    WHERE endpoint_id = open.id AND status = 'pending' AND next_attempt_at <= %(now)s
    ORDER BY next_attempt_at LIMIT open.room FOR UPDATE SKIP LOCKED
  ) d LIMIT %(limit)s
)
UPDATE webhooks_webhookdelivery d
SET attempts = d.attempts + 1, tries = d.tries + 1, next_attempt_at = %(lease)s
FROM due, webhooks_webhookendpoint e
WHERE d.id = due.id AND e.id = d.endpoint_id
RETURNING d.id, d.endpoint_id, e.url, d.event_id, d.body, d.attempts, d.tries, d.is_test,
          e.secret, CASE WHEN e.previous_secret_expires_at > %(now)s THEN e.previous_secret END
"""
_GIVE_BACK = """
UPDATE webhooks_webhookdelivery d SET attempts = d.attempts - 1, tries = d.tries - 1, next_attempt_at = %s
FROM unnest(%s::uuid[], %s::int[]) AS c(id, number)
WHERE d.id = c.id AND d.attempts = c.number AND d.status = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process holds: all that an attempt needs. `number` counts all attempts, `tries` this round's."""

    delivery_id: UUID
    endpoint_id: UUID
    url: str
    event_id: UUID
    body: bytes
    number: int
    tries: int
    is_test: bool
    keys: tuple[bytes, ...]


def claim(limit: int, *, each: int, rooms: Mapping[UUID, int], now: datetime | None = None) -> list[Claim]:
    """Take up to `limit` due deliveries, at most `each` of an endpoint, or what `rooms` says of it."""
    now = now or timezone.now()
    lease = now + LEASE * timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS)
    values: dict[str, Any] = {
        "known": list(rooms),
        "rooms": list(rooms.values()),
        "each": each,
        "limit": limit,
        "now": now,
        "lease": lease,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return [
            Claim(row[0], row[1], row[2], row[3], row[4].encode(), row[5], row[6], row[7], _keys(row[8], row[9]))
            for row in cursor.fetchall()
        ]


def give_back(claims: Collection[Claim]) -> None:
    """Undo claims that were not attempted: they are due at once."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [timezone.now(), [one.delivery_id for one in claims], [one.number for one in claims]])


def _keys(current: bytes, previous: bytes | None) -> tuple[bytes, ...]:
    found = [crypto.decrypt(bytes(box)) for box in (current, previous) if box is not None]
    # An unreadable current secret must not leave a delivery that only the old one signs.
    return () if found[0] is None else tuple(key for key in found if key is not None)
