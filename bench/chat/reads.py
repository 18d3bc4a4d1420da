"""Pages of a room with many messages at any depth, and the unread counters of many rooms."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.v1.chat.showing import show_messages
from bench.chat.people import analyze, fill, make_people, make_rooms
from modules.chat import selectors

STEP = 500_000
ROOMS = 200


def measure(rows: int, calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds of a page of fifty at several depths of `rows` messages, and of the counters of 200 rooms."""
    with connection.cursor() as cursor:
        # Only searches read them, and filling them would take an hour.
        cursor.execute("DROP INDEX chat_message_words, chat_message_like")
    (reader,) = make_people(1)
    (room,) = make_rooms(reader, [[reader]])
    for first in range(1, rows + 1, STEP):
        fill(room, reader, min(STEP, rows + 1 - first), first)
        say(f"{min(first + STEP - 1, rows):,} messages")
    analyze()
    member = selectors.member_of(room.pk, reader.pk)
    middle = rows // 2
    pages: dict[str, dict[str, int]] = {
        "newest": {},
        "before_middle": {"before": middle},
        "around_middle": {"around": middle},
        "after_first": {"after": 1},
    }
    result: dict[str, Any] = {"messages": rows}
    for name, where in pages.items():
        result[name] = _timed(lambda where=where: show_messages(reader.pk, selectors.history(member, **where).messages), calls)  # type: ignore[misc]
        say(f"page {name}: {result[name]}")
    rooms = make_rooms(reader, [[reader]] * ROOMS)
    for number, one in enumerate(rooms):
        fill(one, reader, 20 + number % 5)
    with CaptureQueriesContext(connection) as queries:
        counted = selectors.unread(reader.pk)
    result["unread"] = {
        "rooms": len(counted),
        "queries": len(queries),
        **_timed(lambda: selectors.unread(reader.pk), calls),
    }
    say(f"unread of {len(counted)} rooms: {result['unread']}")
    return result


def _timed(work: Callable[[], Any], calls: int) -> dict[str, float]:
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": round(statistics.median(took), 2), "p95_ms": round(sorted(took)[int(len(took) * 0.95)], 2)}
