"""Taking messages that are due: of each session as many as its pace and its slots allow, in order for each recipient.

A claim makes a message `sending` with a lease; what a killed sender held is found when that runs out. The session's row is locked
while its messages are taken, so its pace holds over all processes.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from modules.whatsapp.choices import MessageType
from modules.whatsapp.gateways import gateway, gateways
from modules.whatsapp.gateways.base import Link
from modules.whatsapp.links import link_of
from modules.whatsapp.models import WhatsAppSession

# The client id of a message whose gateway makes none: it may have been sent. Without any it was not.
UNNAMED = "-"
# In timeouts of the call: asking for an id and waiting for the database are not in one.
LEASE = 3
JITTER = 0.25
MAX_WAIT_SECONDS = 3600.0
# Candidates beyond the slots that are free: some have nothing that may go now.
SPARE = 64
# The most of the free slots that one session gets at a time, as a fraction.
SHARE = 4
# A file is in memory some times over while it is sent: so many together in one process.
FILES_AT_ONCE = 6
_chance = random.SystemRandom()
# Hops through the index of queued messages from session to session: those without any cost nothing.
_WAITING = """
WITH RECURSIVE waiting AS (
  (SELECT session_id AS id FROM whatsapp_message WHERE status = 'queued' AND NOT is_held ORDER BY session_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT session_id FROM whatsapp_message
    WHERE status = 'queued' AND NOT is_held AND session_id > waiting.id ORDER BY session_id LIMIT 1
  ) FROM waiting WHERE id IS NOT NULL
)
SELECT s.id FROM waiting w
JOIN whatsapp_whatsappsession s ON s.id = w.id
JOIN users_user u ON u.id = s.user_id
JOIN unnest(%(drivers)s::text[], %(slots)s::int[]) AS d(driver, slots) ON d.driver = s.driver
LEFT JOIN unnest(%(busy)s::uuid[], %(counts)s::int[]) AS b(id, count) ON b.id = s.id
WHERE s.status = 'connected' AND s.wish = 'connected' AND NOT s.is_suspended AND u.is_active
  AND (s.paused_until IS NULL OR s.paused_until <= %(now)s) AND s.ready_at <= %(now)s
  AND coalesce(b.count, 0) < d.slots
  AND EXISTS (
    SELECT 1 FROM whatsapp_message m
    WHERE m.session_id = s.id AND m.status = 'queued' AND NOT m.is_held AND m.next_attempt_at <= %(now)s
  )
ORDER BY random() LIMIT %(limit)s
FOR NO KEY UPDATE OF s SKIP LOCKED
"""
# What is asked for each candidate is asked by a subquery of its own, and what is due is found once: were they joins, a planner
# that has no statistics yet (a new table, a first burst) would take everything with everything. What somebody else holds (a bulk
# that is being cancelled) is passed over: one locked message is not to stop all sessions.
_CLAIM = """
WITH free AS (
  SELECT d.id, d.has_file, count(*) FILTER (WHERE d.has_file) OVER (ROWS UNBOUNDED PRECEDING) AS files
  FROM unnest(%(sessions)s::uuid[], %(rooms)s::int[], %(pairs)s::timestamptz[], %(kinds)s::text[]) AS o(id, room, pair, driver)
  CROSS JOIN LATERAL (
    SELECT m.id, m.media_id IS NOT NULL AS has_file FROM whatsapp_message m
    WHERE m.session_id = o.id AND m.status = 'queued' AND NOT m.is_held AND m.next_attempt_at <= %(now)s AND m.driver = o.driver
      AND (m.expires_at IS NULL OR m.expires_at > %(now)s)
      AND m.id = (
        SELECT e.id FROM whatsapp_message e
        WHERE e.session_id = m.session_id AND e.recipient = m.recipient AND e.status IN ('queued', 'sending') AND NOT e.is_held
          AND e.driver = m.driver
        ORDER BY e.position, e.id LIMIT 1
      )
      AND (m.media_id IS NULL OR (SELECT f.status FROM whatsapp_media f WHERE f.id = m.media_id) <> 'pending')
      AND (o.pair IS NULL OR coalesce((
        SELECT c.last_outbound_at FROM whatsapp_contact c WHERE c.session_id = m.session_id AND c.phone_number = m.recipient
      ), '-infinity') <= o.pair)
    ORDER BY m.next_attempt_at LIMIT o.room FOR NO KEY UPDATE OF m SKIP LOCKED
  ) d
), due AS MATERIALIZED (
  SELECT id FROM free WHERE NOT has_file OR files <= %(files)s LIMIT %(limit)s
), taken AS (
  UPDATE whatsapp_message m
  SET status = 'sending', attempts = m.attempts + 1, tries = m.tries + 1,
      lease_until = CASE WHEN m.media_id IS NULL THEN %(lease)s ELSE %(media_lease)s END
  WHERE m.id = ANY(ARRAY(SELECT id FROM due))
  RETURNING m.*
)
SELECT t.id, t.session_id, t.recipient, t.message_type, t.content, t.template, t.reply_to, t.attempts, t.tries,
       t.client_message_id, coalesce(f.file, ''), coalesce(f.mime_type, ''), coalesce(f.filename, ''),
       coalesce(f.error_code, ''), coalesce(c.chat_id, ''), c.last_inbound_at,
       c.opted_out_at IS NOT NULL
FROM taken t
LEFT JOIN whatsapp_media f ON f.id = t.media_id
LEFT JOIN whatsapp_contact c ON c.session_id = t.session_id AND c.phone_number = t.recipient
"""
_PACE = """
UPDATE whatsapp_whatsappsession s SET paced_until = p.until, ready_at = p.ready
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS p(id, until, ready) WHERE s.id = p.id
"""
_GIVE_BACK = """
UPDATE whatsapp_message m SET status = 'queued', lease_until = NULL, attempts = m.attempts - 1, tries = m.tries - 1
FROM unnest(%s::uuid[], %s::int[]) AS c(id, number)
WHERE m.id = c.id AND m.attempts = c.number AND m.status = 'sending'
"""
_KEEP_ID = """
UPDATE whatsapp_message SET client_message_id = %s WHERE id = %s AND attempts = %s AND status = 'sending' RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process holds: all that an attempt needs. `number` counts all attempts, `tries` this round's."""

    message_id: UUID
    session_id: UUID
    driver: str
    link: Link
    recipient: str
    kind: MessageType
    content: str = field(repr=False)
    template: Mapping[str, Any] | None = field(repr=False)
    reply_to: str
    number: int
    tries: int
    client_message_id: str
    file: str
    mime_type: str
    filename: str
    file_error: str
    chat_id: str
    last_inbound_at: datetime | None
    opted_out: bool


@dataclass(frozen=True, slots=True)
class _Allowance:
    """How many messages of a session may go now, how long apart, and since when a recipient must have had rest."""

    session: WhatsAppSession
    room: int
    interval: float
    burst: int
    rested_since: datetime | None


def claim(limit: int, *, busy: Mapping[UUID, int], files: int = FILES_AT_ONCE, now: datetime | None = None) -> list[Claim]:
    """Take up to `limit` due messages, of those with a file up to `files`. `busy` says how many slots sessions hold."""
    now = now or timezone.now()
    with transaction.atomic():
        allowances = _allowances(limit, busy, now)
        if not allowances:
            return []
        rows = _take(allowances, limit, files, now)
        _pace(allowances, rows, now)
    sessions = {one.session.pk: one.session for one in allowances}
    links = {key: link_of(session) for key, session in sessions.items()}
    return [_claim(row, sessions[row[1]].driver, links[row[1]]) for row in rows]


def give_back(claims: Collection[Claim]) -> None:
    """Undo claims that were not attempted: they are queued as before."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [[one.message_id for one in claims], [one.number for one in claims]])


def keep_client_id(one: Claim, client_message_id: str) -> bool:
    """Write down, before it is sent, the id that makes sending it twice send it once; False when the claim has run out."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_ID, [client_message_id, one.message_id, one.number])
        return cursor.fetchone() is not None


def _allowances(limit: int, busy: Mapping[UUID, int], now: datetime) -> list[_Allowance]:
    slots = {one.driver.value: min(one.pace.concurrency, settings.WHATSAPP_CONCURRENCY_PER_SESSION) for one in gateways()}
    values: dict[str, Any] = {
        "now": now,
        "limit": limit + SPARE,
        "drivers": list(slots),
        "slots": list(slots.values()),
        "busy": list(busy),
        "counts": list(busy.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, values)
        keys = [row[0] for row in cursor.fetchall()]
    found = [_allowance(session, busy.get(session.pk, 0), limit, now) for session in WhatsAppSession.objects.filter(pk__in=keys)]
    _chance.shuffle(found)
    return [one for one in found if one.room > 0]


def _allowance(session: WhatsAppSession, held: int, limit: int, now: datetime) -> _Allowance:
    """What the token bucket and the slots of a session allow."""
    pace = gateway(session.driver).pace
    rate = pace.per_second if session.messages_per_second is None else session.messages_per_second
    burst = max(1, pace.burst if session.burst is None else session.burst)
    room = min(pace.concurrency, settings.WHATSAPP_CONCURRENCY_PER_SESSION) - held
    # Slow sessions are not to have all slots together: some are left for whoever comes next.
    room = min(room, max(1, limit // SHARE))
    interval = 1 / rate if rate > 0 else 0.0
    if interval:
        ahead = max(0.0, (session.paced_until - now).total_seconds())
        # A millionth of a message, lost to rounding, is not to cost a whole one.
        room = min(room, int(burst - ahead / interval + 1e-6))
    rested_since = now - timedelta(seconds=pace.pair_seconds) if pace.pair_seconds else None
    return _Allowance(session, room, interval, burst, rested_since)


def _take(allowances: Sequence[_Allowance], limit: int, files: int, now: datetime) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "sessions": [one.session.pk for one in allowances],
                "rooms": [one.room for one in allowances],
                "pairs": [one.rested_since for one in allowances],
                "kinds": [one.session.driver for one in allowances],
                "limit": limit,
                "files": files,
                "now": now,
                "lease": now + timedelta(seconds=LEASE * settings.WHATSAPP_TIMEOUT_SECONDS),
                "media_lease": now + timedelta(seconds=LEASE * settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS),
            },
        )
        rows: list[Any] = cursor.fetchall()
        return rows


def _pace(allowances: Sequence[_Allowance], rows: Sequence[Any], now: datetime) -> None:
    """Move each session's next moment on by what was taken of it, not quite evenly: people do not write by the clock."""
    until: dict[UUID, datetime] = {}
    ready: list[datetime] = []
    for one in allowances:
        taken = sum(row[1] == one.session.pk for row in rows)
        if taken and one.interval:
            wait = taken * one.interval * _chance.uniform(1 - JITTER, 1 + JITTER)
            until[one.session.pk] = max(one.session.paced_until, now) + timedelta(seconds=min(wait, MAX_WAIT_SECONDS))
            ready.append(until[one.session.pk] - timedelta(seconds=(one.burst - 1) * one.interval))
    if until:
        with connection.cursor() as cursor:
            cursor.execute(_PACE, [list(until), list(until.values()), ready])


def _claim(row: Any, driver: str, link: Link) -> Claim:
    return Claim(
        message_id=row[0],
        session_id=row[1],
        driver=driver,
        link=link,
        recipient=row[2],
        kind=MessageType(row[3]),
        content=row[4],
        # Django's cursors leave JSON as text.
        template=orjson.loads(row[5]) if row[5] else None,
        reply_to=row[6],
        number=row[7],
        tries=row[8],
        client_message_id=row[9],
        file=row[10],
        mime_type=row[11],
        filename=row[12],
        file_error=row[13],
        chat_id=row[14],
        last_inbound_at=row[15],
        opted_out=row[16],
    )
