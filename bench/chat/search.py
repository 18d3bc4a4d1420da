"""Searching a million messages: for who is in all rooms, in some, in a small one, and in none."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from bench.chat.people import analyze, fill, make_people, make_rooms
from modules.chat.models import Message
from modules.chat.searching import Search, search, snippet
from users.models import User

ROOMS, SMALL, PAGE = 50, 200, 25
_WARM_UP = 5
# Of `people.fill`'s words: in a thousandth of the messages, in a thirtieth, in a third, and together in none.
QUERIES = {
    "rare": Search("crew word623"),
    "common": Search("harbour morning"),
    "in_every_third": Search("number morning"),
    "together_nowhere": Search("harbour word623"),
    "phrase": Search('"crew word623"'),
    "part": Search("ord623 m", mode="like"),
}


def measure(rows: int, calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """p50 and p95 in milliseconds of a page of each search, for each of the people."""
    everywhere, in_some, in_small, nowhere = make_people(4)
    large, small, *middle = make_rooms(
        everywhere,
        [[everywhere], [everywhere, in_small], *([everywhere, in_some] if n % 5 == 0 else [everywhere] for n in range(ROOMS))],
    )
    for room in middle:
        fill(room, everywhere, rows // 2 // ROOMS)
    fill(small, everywhere, SMALL)
    fill(large, everywhere, rows - rows // 2)
    analyze()
    say(f"{rows + SMALL:,} messages in {ROOMS + 2} rooms")
    people = {"everywhere": everywhere, "in_some": in_some, "in_small": in_small, "nowhere": nowhere}
    result: dict[str, Any] = {"messages": rows + SMALL}
    for who, person in people.items():
        for name, asked in QUERIES.items():
            result[f"{name}_{who}"] = _timed(person, asked, calls)
            say(f"{name} {who}: {result[f'{name}_{who}']}")
    return result


def _page(person: User, asked: Search) -> Sequence[Any]:
    with transaction.atomic():
        found: list[Message] = list(search(person.pk, asked).order_by("-id")[: PAGE + 1])
    return [snippet(asked, message.text) for message in found]


def _timed(person: User, asked: Search, calls: int) -> dict[str, float]:
    took = []
    found: Sequence[Any] = []
    for number in range(_WARM_UP + calls):
        began = time.perf_counter()
        found = _page(person, asked)
        if number >= _WARM_UP:
            took.append((time.perf_counter() - began) * 1000)
    times = {"p50_ms": round(statistics.median(took), 2), "p95_ms": round(sorted(took)[int(len(took) * 0.95)], 2)}
    return {**times, "found": len(found)}
