"""Finding messages by what they say: whole words, the last one by how it begins, phrases in quotes, or any part of a text.

Words that are rare among what the caller may see are found by their index and sorted after; where they are so common that this
would be slow, the newest messages are walked until the page is full. PostgreSQL's estimate decides.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, reduce
from operator import and_
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from core.db.base import exchange
from core.exceptions import Invalid
from modules.chat.choices import History
from modules.chat.models import Member, Message
from modules.chat.selectors import whole

MAX_QUERY = 200
MAX_WORDS = 12
MIN_LIKE = 3
SNIPPET = 160
# More matches than this are not fetched to be sorted: the page is full long before among the newest messages.
MANY = 1_000
# With several processes PostgreSQL would walk further with each than it has to with one.
_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
_PART = re.compile(r'"([^"]*)"?|(\S+)')
_LINK = r"https?://"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: `words` (whole words and phrases) or `like` (a part of the text), and where."""

    text: str
    mode: str = "words"
    room_id: UUID | None = None
    sender_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    has: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase of a search; `is_open` where it may go on."""

    words: tuple[str, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text around its first match; `matches` are the places in it, from and to, in characters."""

    text: str
    matches: Sequence[tuple[int, int]]


def search(user_id: UUID, search: Search) -> QuerySet[Message]:
    """The messages that somebody may see and that say it, to be paged by id in the caller's transaction. Raises Invalid."""
    said = _said(search)
    rooms = Member.objects.filter(user_id=user_id, room__deleted_at=None)
    if search.room_id is not None:
        rooms = rooms.filter(room_id=search.room_id)
    places = list(rooms.values_list("room_id", "room__history"))
    if not places:
        nothing: QuerySet[Message] = Message.objects.none()
        return nothing
    exchange([(_ALONE, [])])
    candidates = said.filter(_within(user_id, places), _narrowed(search), deleted_at=None)
    if _estimated(candidates) <= MANY:
        # The fence keeps the planner from walking all messages for the few that match.
        sql, values = candidates.order_by().values("id").query.sql_with_params()
        candidates = Message.objects.filter(pk__in=RawSQL(f"{sql} OFFSET 0", values))  # noqa: S611 - Django's own SQL
    return whole(candidates)


def snippet(search: Search, text: str) -> Snippet:
    """What to show of a message that was found."""
    found = _pattern(search).finditer(text)
    spans = [match.span() for match in found]
    start = max(0, spans[0][0] - SNIPPET // 4) if spans else 0
    end = min(len(text), start + SNIPPET)
    return Snippet(text[start:end], [(a - start, b - start) for a, b in spans if b <= end])


def terms(text: str) -> list[Term]:
    """The words and phrases of a search. Raises Invalid where there are none, or too many."""
    parts = list(_PART.finditer(text))
    found = [_term(part, is_last=part is parts[-1]) for part in parts]
    found = [term for term in found if term.words]
    if not found:
        raise Invalid.field("q", "There is no word in this.", "no_words")
    if sum(len(term.words) for term in found) > MAX_WORDS:
        raise Invalid.field("q", f"At most {MAX_WORDS} words.", "too_many")
    return found


def _term(part: "re.Match[str]", *, is_last: bool) -> Term:
    phrase, word = part.groups()
    if word is None:
        return Term(tuple(one for one in phrase.split() if _has_letters(one)))
    return Term((word,), is_open=is_last) if _has_letters(word) else Term(())


def _has_letters(word: str) -> bool:
    return any(char.isalnum() for char in word)


def _said(search: Search) -> QuerySet[Message]:
    if search.mode == "like":
        # Of less the index knows nothing, and every message would be read.
        if not re.search(rf"[^\W_]{{{MIN_LIKE}}}", search.text):
            raise Invalid.field("q", f"At least {MIN_LIKE} letters or digits in a row.", "min_length")
        like = re.sub(r"([\\%_])", r"\\\1", search.text.strip())
        # Django's icontains asks for upper case, which the index does not know.
        says = RawSQL('"chat_message"."text" ILIKE %s', [f"%{like}%"], output_field=BooleanField())
        parts: QuerySet[Message] = Message.objects.filter(says)
        return parts
    query = reduce(and_, (_query(term) for term in terms(search.text)))
    found: QuerySet[Message] = Message.objects.alias(said=SearchVector("text", config="simple")).filter(said=query)
    return found


def _query(term: Term) -> SearchQuery:
    text = " ".join(term.words)
    if not term.is_open:
        return SearchQuery(text, config="simple", search_type="phrase")
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return SearchQuery(f"'{quoted}':*", config="simple", search_type="raw")


def _within(user_id: UUID, places: Sequence[tuple[UUID, str]]) -> Q:
    whole_rooms = [room for room, history in places if history == History.ALL]
    since_joining = [room for room, history in places if history != History.ALL]
    within = Q(room_id__in=whole_rooms)
    if since_joining:
        own = Member.objects.filter(user_id=user_id, room_id=OuterRef("room_id"), joined_at__lte=OuterRef("created_at"))
        within |= Q(Exists(own), room_id__in=since_joining)
    return within


def _narrowed(search: Search) -> Q:
    narrowed = Q()
    if search.sender_id is not None:
        narrowed &= Q(sender_id=search.sender_id)
    if search.since is not None:
        narrowed &= Q(created_at__gte=search.since)
    if search.until is not None:
        narrowed &= Q(created_at__lt=search.until)
    if search.has == "file":
        narrowed &= Q(file_count__gt=0)
    if search.has == "link":
        narrowed &= Q(text__iregex=_LINK)
    return narrowed


def _estimated(candidates: QuerySet[Message]) -> int:
    """How many there will be, as the planner sees it: it knows how common words are."""
    plan: list[dict[str, Any]] = json.loads(candidates.order_by().values("id").explain(format="json"))
    rows: int = plan[0]["Plan"]["Plan Rows"]
    return rows


@lru_cache(maxsize=64)
def _pattern(search: Search) -> "re.Pattern[str]":
    if search.mode == "like":
        return re.compile(re.escape(search.text.strip()), re.IGNORECASE)
    alternatives = []
    for term in terms(search.text):
        words = r"\W+".join(re.escape(word) for word in term.words)
        alternatives.append(rf"(?<!\w){words}" + (r"\w*" if term.is_open else r"(?!\w)"))
    return re.compile("|".join(alternatives), re.IGNORECASE)
