"""Previews of links: noted with the message, fetched afterwards through the safe client, shown as an update of the message."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from core import outgoing
from core.bell import Bell
from core.crypto import sha256
from core.dispatcher import Dispatcher
from core.ids import uuid7
from modules.chat import bell, telling
from modules.chat.choices import PreviewStatus
from modules.chat.events import PreviewShown
from modules.chat.models import LinkPreview, Message, MessageLink
from modules.chat.pages import PARSED_BYTES, About, about

log = logging.getLogger(__name__)
MAX_LINKS = 5
MAX_URL = 2000
# What is known of a page is good for so long.
GOOD_FOR = timedelta(days=1)
SLOTS = 16
# Of one host at a time: a slow one is not to hold everybody's links.
PER_HOST = 2
# Candidates that are looked at.
WINDOW = 500
SECONDS = 5.0
MAX_REDIRECTS = 3
MAX_TRIES = 3
RETRY_SECONDS = 10
BATCH = 100
_URL = re.compile(r"https?://[^\s<>\"'`{}|\\^\[\]]+", re.IGNORECASE)
_NOTE = """
INSERT INTO chat_linkpreview (id, url_digest, url, status, title, description, site_name, due_at, tries, created_at)
SELECT v.id, v.digest, v.url, 'pending', '', '', '', %(now)s, 0, %(now)s
FROM unnest(%(ids)s::uuid[], %(digests)s::bytea[], %(urls)s::text[]) AS v(id, digest, url) ORDER BY v.digest
ON CONFLICT (url_digest) DO NOTHING
"""
_AGAIN = """
UPDATE chat_linkpreview SET status = 'pending', tries = 0, due_at = %(now)s, created_at = %(now)s WHERE id = ANY(ARRAY(
  SELECT id FROM chat_linkpreview WHERE url_digest = ANY(%(digests)s::bytea[]) AND status <> 'pending' AND fetched_at < %(stale)s
  ORDER BY url_digest FOR NO KEY UPDATE
))
"""
_WAIT = """
INSERT INTO chat_messagelink (id, message_id, preview_id)
SELECT v.id, v.message, p.id FROM unnest(%(links)s::uuid[], %(messages)s::uuid[], %(of)s::bytea[]) AS v(id, message, digest)
JOIN chat_linkpreview p ON p.url_digest = v.digest ON CONFLICT DO NOTHING
"""
_CLAIM = """
WITH due AS (
  SELECT id, split_part(split_part(lower(url), '://', 2), '/', 1) AS host, due_at FROM chat_linkpreview
  WHERE status = 'pending' AND due_at <= %(now)s
    AND split_part(split_part(lower(url), '://', 2), '/', 1) <> ALL(%(busy)s::text[]) ORDER BY due_at LIMIT %(window)s
), fair AS (
  SELECT id, due_at, row_number() OVER (PARTITION BY host ORDER BY due_at) AS place FROM due
)
UPDATE chat_linkpreview SET due_at = %(lease)s, tries = tries + 1 WHERE id = ANY(ARRAY(
  SELECT p.id FROM chat_linkpreview p JOIN fair ON fair.id = p.id
  WHERE fair.place <= %(each)s AND p.status = 'pending' AND p.due_at <= %(now)s
  ORDER BY fair.place, fair.due_at LIMIT %(limit)s FOR NO KEY UPDATE OF p SKIP LOCKED
)) RETURNING id, url, tries
"""


class Written(Protocol):
    """A message with its id and what it says."""

    @property
    def pk(self) -> UUID:
        """Its id."""

    @property
    def text(self) -> str:
        """What it says."""


def note_links(messages: Sequence[Written]) -> None:
    """Have the links in new messages looked at, in the transaction that writes them."""
    found = [(message.pk, url) for message in messages if "://" in message.text for url in links_in(message.text)]
    if not found:
        return
    now, urls = timezone.now(), {sha256(url): url for _, url in found}
    digests = sorted(urls)
    values: dict[str, Any] = {
        "now": now,
        "stale": now - GOOD_FOR,
        "ids": [uuid7() for _ in digests],
        "digests": digests,
        "urls": [urls[digest] for digest in digests],
        "links": [uuid7() for _ in found],
        "messages": [message for message, _ in found],
        "of": [sha256(url) for _, url in found],
    }
    with connection.cursor() as cursor:
        for statement in (_NOTE, _AGAIN, _WAIT):
            cursor.execute(statement, values)
    bell.LINKS.ring_after_commit()


def links_in(text: str) -> list[str]:
    """The addresses in a text that may be called, each once, at most MAX_LINKS."""
    found: dict[str, None] = {}
    for match in _URL.finditer(text):
        url = _trimmed(match.group())
        if len(url) <= MAX_URL and _may_be_called(url):
            found[url] = None
            if len(found) == MAX_LINKS:
                break
    return list(found)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page to look at."""

    preview_id: UUID
    url: str
    tries: int

    @property
    def host(self) -> str:
        """As the statement that claims reads it."""
        return self.url.lower().split("://", 1)[1].split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of it; `about` is None where the page says nothing, `again` when it may later."""

    wanted: Wanted
    about: About | None = None
    again: bool = False


class LinkPreviewer(Dispatcher[Wanted, Looked]):
    """Looks at the pages that messages link to."""

    bell: ClassVar[Bell] = bell.LINKS
    name = "chat-links"

    def __init__(self) -> None:
        super().__init__(size=SLOTS, patience=SECONDS + 2)
        self._busy: Counter[str] = Counter()

    def turn(self) -> None:
        """Also show what is known by now."""
        self.settle_finished()
        while show_known() == BATCH:
            continue
        self.claim()

    def claim(self) -> int:
        """Take links that are due."""
        free = SLOTS - self._busy.total()
        taken = claim(free, list(self._busy)) if free > 0 else []
        self._busy.update(one.host for one in taken)
        return self.start(taken)

    def attempt(self, claim: Wanted) -> Looked:
        """Look at one page."""
        return look(claim)

    def settle(self, outcomes: Sequence[Looked]) -> None:
        """Write what the pages say."""
        settle(outcomes)

    def give_back(self, claims: Sequence[Wanted]) -> None:
        """They are due at once."""
        LinkPreview.objects.filter(pk__in=[one.preview_id for one in claims]).update(due_at=timezone.now())

    def settled(self, outcome: Looked) -> None:
        """A slot is free."""
        self._busy[outcome.wanted.host] -= 1
        if not self._busy[outcome.wanted.host]:
            del self._busy[outcome.wanted.host]


def claim(limit: int, busy: Collection[str] = ()) -> list[Wanted]:
    """Take up to `limit` links that are due, a few of each host and none of those in `busy`."""
    now = timezone.now()
    values: dict[str, Any] = {
        "now": now,
        "lease": now + timedelta(seconds=2 * SECONDS),
        "limit": limit,
        "each": PER_HOST,
        "window": WINDOW,
        "busy": list(busy),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return [Wanted(*row) for row in cursor.fetchall()]


def look(wanted: Wanted) -> Looked:
    """Fetch a page and read what it says of itself. Raises nothing."""
    try:
        # Of a page longer than this the head is what counts.
        answer = outgoing.request(
            "GET",
            wanted.url,
            headers={"Accept": "text/html"},
            timeout=SECONDS,
            max_bytes=PARSED_BYTES,
            head_only=True,
            max_redirects=MAX_REDIRECTS,
        )
        if answer.status_code >= 500 or answer.status_code == 429:
            return Looked(wanted, again=True)
        return Looked(wanted, about(answer.headers, answer.body) if answer.status_code == 200 else None)
    except outgoing.OutgoingFailed as error:
        return Looked(wanted, again=not error.permanent)
    except Exception:
        log.exception("Link preview %s could not be made", wanted.preview_id)
        return Looked(wanted, again=True)


def settle(outcomes: Sequence[Looked]) -> None:
    """Write what the pages say, or that they are asked again, or that they say nothing."""
    now = timezone.now()
    with transaction.atomic():
        for one in outcomes:
            pending = LinkPreview.objects.filter(pk=one.wanted.preview_id, status=PreviewStatus.PENDING)
            if one.about is not None:
                pending.update(status=PreviewStatus.READY, fetched_at=now, **asdict(one.about))
            elif one.again and one.wanted.tries < MAX_TRIES:
                pending.update(due_at=now + timedelta(seconds=RETRY_SECONDS * 3 ** (one.wanted.tries - 1)))
            else:
                pending.update(status=PreviewStatus.NONE, fetched_at=now, title="", description="", site_name="")


def show_known() -> int:
    """Give messages the previews that they wait for and that are known, at most BATCH; how many. Publishes message.updated."""
    with transaction.atomic():
        known = MessageLink.objects.exclude(preview__status=PreviewStatus.PENDING).select_related("preview").order_by("pk")
        links = list(known.select_for_update(of=("self",), skip_locked=True)[:BATCH])
        if not links:
            return 0
        # One that somebody changes right now is shown the next time.
        keys = {link.message_id for link in links}
        free = Message.objects.select_for_update(no_key=True, of=("self",), skip_locked=True).filter(pk__in=keys)
        messages = {message.pk: message for message in free.select_related("room")}
        ready: dict[UUID, list[LinkPreview]] = {}
        for link in links:
            if link.message_id in messages and link.preview.status == PreviewStatus.READY:
                ready.setdefault(link.message_id, []).append(link.preview)
        for key, previews in ready.items():
            _show(messages[key], previews)
        MessageLink.objects.filter(pk__in=[link.pk for link in links if link.message_id in messages]).delete()
    return len(links) if messages else 0


def _show(message: Message, previews: Sequence[LinkPreview]) -> None:
    if message.deleted_at is not None or message.room.deleted_at is not None:
        return
    shown = {one["url"]: one for one in message.previews}
    for one in previews:
        shown[one.url] = asdict(PreviewShown(one.url, one.title, one.description, one.site_name))
    # As they stand in the text; what an edit took out of it is not shown.
    message.previews = [shown[url] for url in links_in(message.text) if url in shown]
    message.save(update_fields=["previews"])
    telling.message_updated(message)


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence it stands in."""
    while url:
        last = url[-1]
        if last in ".,;:!?*_~" or (last == ")" and url.count(")") > url.count("(")):
            url = url[:-1]
        else:
            break
    return url


def _may_be_called(url: str) -> bool:
    try:
        outgoing.check_url(url)
    except outgoing.OutgoingFailed:
        return False
    return True
