"""Who is connected right now: what each realtime process last told of itself, and the totals.

A process writes `atelier:events:live:<id>` every few seconds, with a life of 30: one that was killed is gone from here by itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from core.admin_pages.navigation import Page, register_page
from core.redis import RedisAway, breaker
from events.announcing import PREFIX

if TYPE_CHECKING:
    from redis import Redis

LIVE = PREFIX + "live:"
COUNTS = ("connections", "users", "streams", "delivered", "closed_slow")


@dataclass(frozen=True, slots=True)
class Process:
    """One realtime process. `counts` are in the order of COUNTS."""

    name: str
    host: str
    pid: int
    started_at: datetime
    counts: tuple[int, ...]


def processes() -> list[Process]:
    """The living processes by host and start; a report that cannot be read is left out. Raises RedisAway."""

    def reports(redis: "Redis") -> list[tuple[bytes, Any]]:
        names = list(redis.scan_iter(match=f"{LIVE}*", count=5000))
        return list(zip(names, redis.mget(names), strict=True)) if names else []

    found = [_read(name.decode().removeprefix(LIVE), report) for name, report in breaker().call(reports)]
    return sorted((one for one in found if one is not None), key=lambda one: (one.host, one.started_at, one.name))


def _read(name: str, report: Any) -> Process | None:
    try:
        told = orjson.loads(report or b"")
        started = datetime.fromtimestamp(float(told["started_at"]), UTC)
        counts = tuple(int(told[count]) for count in COUNTS)
        return Process(name, str(told["host"]), int(told["pid"]), started, counts)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def live_page(request: HttpRequest) -> TemplateResponse:
    """The page."""
    try:
        found, away = processes(), False
    except RedisAway:
        found, away = [], True
    totals = [sum(column) for column in zip(*(one.counts for one in found), strict=True)] or [0] * len(COUNTS)
    context = {
        **admin.site.each_context(request),
        "title": "Live connections",
        "processes": found,
        "totals": dict(zip(COUNTS, totals, strict=True)),
        "redis_is_away": away,
    }
    return TemplateResponse(request, "events/admin/live.html", context)


register_page(Page("live/", "events_live", live_page, "Live connections", "lan"))
