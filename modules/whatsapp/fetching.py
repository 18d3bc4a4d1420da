"""Fetching files: from the URL that a sender named, through the safe client; or from the gateway that a message came in by.

A file that cannot be had fails its message when its turn comes (modules.whatsapp.attempting).
"""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from core import outgoing
from core.bell import Bell
from core.dispatcher import Dispatcher
from core.files import Checked, FileRefused, remove
from modules.whatsapp import bell, files
from modules.whatsapp.choices import MediaStatus, MessageType
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import GatewayError, Link, Verdict
from modules.whatsapp.links import link_of
from modules.whatsapp.models import Media

log = logging.getLogger(__name__)
SLOTS = 16
# Of one account at a time: its slow URLs are not to hold everybody's files.
PER_USER = 3
# Candidates that are looked at.
WINDOW = 500
MAX_TRIES = 5
MAX_REDIRECTS = 3
_CLAIM = """
WITH due AS (
  SELECT id, user_id, due_at FROM whatsapp_media WHERE status = 'pending' AND due_at <= %(now)s
  AND user_id <> ALL(%(busy)s::uuid[]) ORDER BY due_at LIMIT %(window)s
), fair AS (
  SELECT id, due_at, row_number() OVER (PARTITION BY user_id ORDER BY due_at) AS place FROM due
)
UPDATE whatsapp_media SET due_at = %(lease)s, tries = tries + 1 WHERE id = ANY(ARRAY(
  SELECT m.id FROM whatsapp_media m JOIN fair ON fair.id = m.id
  WHERE fair.place <= %(each)s AND m.status = 'pending' AND m.due_at <= %(now)s
  ORDER BY fair.place, fair.due_at LIMIT %(limit)s FOR NO KEY UPDATE OF m SKIP LOCKED
)) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch."""

    media_id: UUID
    user_id: UUID
    kind: MessageType
    url: str
    filename: str
    tries: int
    driver: str = ""
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of it: the name it is kept under, or why not; `again` when it may be had later."""

    wanted: Wanted
    checked: Checked | None = None
    name: str = ""
    error_code: str = ""
    again: bool = False


class FileFetcher(Dispatcher[Wanted, Fetched]):
    """Fetches files."""

    bell: ClassVar[Bell] = bell.FILES
    name = "whatsapp-files"

    def __init__(self) -> None:
        super().__init__(size=SLOTS, patience=settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS + 2)
        self._busy: Counter[UUID] = Counter()

    def claim(self) -> int:
        """Take files that are due."""
        free = SLOTS - self._busy.total()
        taken = claim(free, list(self._busy)) if free > 0 else []
        self._busy.update(one.user_id for one in taken)
        return self.start(taken)

    def attempt(self, claim: Wanted) -> Fetched:
        """Fetch and check one."""
        return fetch(claim)

    def settle(self, outcomes: Sequence[Fetched]) -> None:
        """What came of it."""
        for one in outcomes:
            settle(one)

    def give_back(self, claims: Sequence[Wanted]) -> None:
        """They are due at once."""
        Media.objects.filter(pk__in=[one.media_id for one in claims]).update(due_at=timezone.now())

    def settled(self, outcome: Fetched) -> None:
        """A slot is free."""
        self._busy[outcome.wanted.user_id] -= 1
        if not self._busy[outcome.wanted.user_id]:
            del self._busy[outcome.wanted.user_id]


def claim(limit: int, busy: Collection[UUID] = ()) -> list[Wanted]:
    """Take up to `limit` files that are due, a few of each account and none of those in `busy`."""
    now = timezone.now()
    lease = now + timedelta(seconds=2 * settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS)
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "now": now,
            "lease": lease,
            "limit": limit,
            "each": PER_USER,
            "window": WINDOW,
            "busy": list(busy),
        }
        cursor.execute(_CLAIM, values)
        keys = [row[0] for row in cursor.fetchall()]
    return [
        Wanted(
            one.pk,
            one.user_id,
            MessageType(one.kind),
            one.source_url,
            one.filename,
            one.tries,
            one.session.driver if one.session else "",
            link_of(one.session) if one.session else None,
        )
        for one in Media.objects.filter(pk__in=keys).select_related("session")
    ]


def fetch(wanted: Wanted) -> Fetched:
    """Fetch, check and keep one file. Raises nothing."""
    try:
        content = _content(wanted)
        # What somebody sent us is kept as it is, and never shown as a page; what we send is what WhatsApp takes.
        look = files.as_received if wanted.link is not None else files.check
        checked = look(wanted.kind, content, wanted.filename)
        return Fetched(wanted, checked, files.store(checked))
    except FileRefused as error:
        return Fetched(wanted, error_code=error.code)
    except outgoing.ResponseTooLarge:
        return Fetched(wanted, error_code="media_too_large")
    except outgoing.AddressRefused:
        return Fetched(wanted, error_code="media_address_refused")
    except outgoing.OutgoingFailed:
        return Fetched(wanted, error_code="media_unreachable", again=True)
    except GatewayError as error:
        return Fetched(wanted, error_code=error.code, again=error.verdict is not Verdict.FAIL)
    except Exception:
        log.exception("File %s could not be fetched", wanted.media_id)
        return Fetched(wanted, error_code="media_unreachable", again=True)


def _content(wanted: Wanted) -> bytes:
    limit, timeout = settings.WHATSAPP_MAX_MEDIA_BYTES, settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS
    if wanted.link is not None:
        return gateway(wanted.driver).fetch(wanted.link, wanted.url, max_bytes=limit)
    answer = outgoing.request("GET", wanted.url, timeout=timeout, max_bytes=limit, max_redirects=MAX_REDIRECTS)
    if answer.status_code >= 500 or answer.status_code == 429:
        raise outgoing.OutgoingFailed
    if answer.status_code != 200:
        raise FileRefused("media_not_found", "The URL has no file.")
    return answer.body


def settle(one: Fetched) -> None:
    """Write down what came of it. A file whose row is gone is removed again."""
    now = timezone.now()
    with transaction.atomic():
        media = Media.objects.select_for_update(no_key=True, of=("self",)).filter(pk=one.wanted.media_id).first()
        if media is None or media.status != MediaStatus.PENDING:
            if one.name:
                remove(one.name)
            return
        if one.checked is not None:
            media.status, media.file, media.error_code = MediaStatus.READY, one.name, ""
            media.filename, media.mime_type = one.checked.filename, one.checked.mime_type
            media.size, media.sha256 = len(one.checked.content), sha256(one.checked.content).hexdigest()
        elif one.again and one.wanted.tries < MAX_TRIES:
            media.error_code, media.due_at = one.error_code, now + timedelta(seconds=5 * 3**one.wanted.tries)
        else:
            media.status, media.error_code = MediaStatus.FAILED, one.error_code
        media.save()
        bell.MESSAGES.ring_after_commit()
