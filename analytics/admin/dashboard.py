"""The admin's first page: requests, errors, latency, who and what is busiest, messages and the queue, over a chosen window.

Everything is read from rollups; the number of queries does not depend on how much there is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from analytics import selectors
from analytics.choices import Period
from analytics.selectors import Scope
from analytics.windows import STEP, Window, ceil, floor
from core import broker
from core.admin_pages import directory
from core.admin_pages.charts import BLUE, GREEN, ORANGE, RED, Chart, Line
from core.redis import RedisAway

MAX_QUEUE_POINTS = 180


@dataclass(frozen=True, slots=True)
class Choice:
    """A window one can choose: how long, drawn in which grain, how a moment is written."""

    title: str
    length: timedelta
    period: Period
    label: str
    message_days: int


CHOICES = {
    "hour": Choice("Hour", timedelta(hours=1), Period.MINUTE, "%H:%M", 7),
    "day": Choice("Day", timedelta(days=1), Period.HOUR, "%H:%M", 7),
    "week": Choice("Week", timedelta(days=7), Period.HOUR, "%b %d, %H:%M", 7),
    "month": Choice("Month", timedelta(days=30), Period.DAY, "%b %d", 30),
}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the page shows; unfold calls it (UNFOLD["DASHBOARD_CALLBACK"])."""
    name = request.GET.get("window", "day")
    choice = CHOICES.get(name, CHOICES["day"])
    now = datetime.now(UTC)
    end = ceil(now, STEP[choice.period])
    window = Window(end - choice.length, end)
    scope, about = _scope(request)
    totals = selectors.totals(window, scope)
    points = selectors.timeseries(window, scope, choice.period, None)
    moments = [point["start"] for point in points]
    labels = [moment.strftime(choice.label) for moment in moments]
    waiting, queue_chart = _queue(choice, now)
    messages, message_chart = _messages(scope, choice, now)
    endpoints = selectors.top(window, scope, ("method", "endpoint"))
    return {
        **context,
        "title": "Dashboard",
        "about": about,
        "windows": _windows(request, name if name in CHOICES else "day"),
        "tiles": _tiles(totals, messages, choice, waiting),
        "charts": [
            Chart("Requests", "bar", labels, [Line("Requests", BLUE, [point["requests"] for point in points])]),
            Chart(
                "Errors",
                "bar",
                labels,
                # Drawn over each other, the first on top: what is part of the other comes first.
                [
                    Line("of them 5xx", RED, [point["server_errors"] for point in points]),
                    Line("Errors", ORANGE, [point["errors"] for point in points]),
                ],
            ),
            _latency(window, scope, choice, moments, labels),
            message_chart,
            queue_chart,
        ],
        "rankings": [
            ("Busiest endpoints", [_ranked(f"{row['method']} {row['endpoint']}", row) for row in endpoints]),
            ("Busiest users", _named("user", "user_id", selectors.top(window, scope, ("user_id",)))),
            ("Busiest API keys", _named("api_key", "api_key_id", selectors.top(window, scope, ("api_key_id",)))),
        ],
    }


def _scope(request: HttpRequest) -> tuple[Scope, str]:
    """Everything, or one user's or key's share, which their pages link to."""
    if user_id := _uuid(request.GET.get("user", "")):
        return Scope(user_id=user_id), directory.names("user", [user_id]).get(user_id, str(user_id))
    if key_id := _uuid(request.GET.get("key", "")):
        return Scope(api_key_id=key_id), directory.names("api_key", [key_id]).get(key_id, str(key_id))
    return Scope(), ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _windows(request: HttpRequest, chosen: str) -> list[dict[str, Any]]:
    links = []
    for name, choice in CHOICES.items():
        query = request.GET.copy()
        query["window"] = name
        links.append({"title": choice.title, "link": f"?{query.urlencode()}", "active": name == chosen})
    return links


def _tiles(totals: dict[str, Any], messages: int, choice: Choice, waiting: int | None) -> list[tuple[str, str]]:
    requests = totals["requests"]

    def milliseconds(value: float | None) -> str:
        return "-" if value is None else f"{value:,.1f} ms"

    return [
        ("Requests", f"{requests:,}"),
        ("Errors", f"{totals['errors']:,}"),
        ("Error rate", f"{totals['errors'] / requests:.2%}" if requests else "-"),
        ("p50", milliseconds(totals["p50_ms"])),
        ("p95", milliseconds(totals["p95_ms"])),
        (f"Messages, {choice.message_days} d", f"{messages:,}"),
        ("Tasks waiting", "Redis is away" if waiting is None else f"{waiting:,}"),
    ]


def _latency(window: Window, scope: Scope, choice: Choice, moments: list[datetime], labels: list[str]) -> Chart:
    found = selectors.latency_series(window, scope, choice.period)
    p50 = [found.get(moment, (None, None))[0] for moment in moments]
    p95 = [found.get(moment, (None, None))[1] for moment in moments]
    return Chart("Latency", "line", labels, [Line("p50", GREEN, p50), Line("p95", ORANGE, p95)], unit="ms")


def _messages(scope: Scope, choice: Choice, now: datetime) -> tuple[int, Chart]:
    """Messages are counted by day whatever the window; a key has none of its own, so its owner's are not shown as its."""
    first = floor(now, timedelta(days=1)).date() - timedelta(days=choice.message_days - 1)
    days = [first + timedelta(days=offset) for offset in range(choice.message_days)]
    sent = {} if scope.api_key_id else selectors.messages_by_day(first, user_id=scope.user_id)
    messages = [sent.get(day, (0, 0))[0] for day in days]
    media = [sent.get(day, (0, 0))[1] for day in days]
    lines = [Line("of them media", GREEN, media), Line("Messages", BLUE, messages)]
    return sum(messages), Chart(f"Messages sent, {len(days)} days", "bar", [f"{day:%b %d}" for day in days], lines)


def _queue(choice: Choice, now: datetime) -> tuple[int | None, Chart]:
    """The queue now and in samples, thinned to the highest of each stretch."""
    try:
        waiting: int | None = broker.depth()[0]
        samples = broker.samples((now - choice.length).timestamp())
    except RedisAway:
        waiting, samples = None, []
    stretch = max(1, -(-len(samples) // MAX_QUEUE_POINTS))
    thinned = [max(samples[at : at + stretch], key=lambda sample: sample[1]) for at in range(0, len(samples), stretch)]
    labels = [datetime.fromtimestamp(moment, UTC).strftime(choice.label) for moment, _ in thinned]
    line = Line("Tasks waiting", BLUE, [count for _, count in thinned])
    return waiting, Chart("Queue depth", "bar", labels, [line], zero_counts=True)


def _named(kind: str, field: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = directory.names(kind, [row[field] for row in rows])
    return [_ranked(directory.show(kind, row[field], names.get(row[field])), row) for row in rows]


def _ranked(name: Any, row: dict[str, Any]) -> tuple[Any, ...]:
    return name, f"{row['requests']:,}", f"{row['errors']:,}", f"{row['mean_ms']:,.1f} ms"
