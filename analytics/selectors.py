"""Reads for people: totals, percentiles, rankings and time series, all from rollups, never from the log itself."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum

from analytics.choices import Cube, Period
from analytics.latency import percentile_ms
from analytics.models import NOBODY, Rollup
from analytics.windows import STEP, Window, floor

MEASURES = ("requests", "bytes_in", "bytes_out", "duration_us")
TOP = 10
MAX_GROUPS = 20
# From the smallest to the largest: the first cube that has every dimension asked for is read.
_CUBES: tuple[tuple[Cube, frozenset[str]], ...] = (
    (Cube.TOTAL, frozenset({"status_class"})),
    (Cube.ROUTE, frozenset({"method", "endpoint", "status_class"})),
    (Cube.USER, frozenset({"user_id", "status_class"})),
    (Cube.KEY, frozenset({"user_id", "api_key_id", "status_class"})),
    (Cube.DETAIL, frozenset({"user_id", "api_key_id", "method", "endpoint", "status_class"})),
)
_LATENCY_CUBES: tuple[tuple[Cube, frozenset[str]], ...] = (
    (Cube.TOTAL, frozenset({"status_class"})),
    (Cube.ROUTE, frozenset({"method", "endpoint", "status_class"})),
    (Cube.USER_LATENCY, frozenset({"user_id"})),
    (Cube.KEY_LATENCY, frozenset({"user_id", "api_key_id"})),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What to count: everything, or narrowed by any of these."""

    user_id: UUID | None = None
    api_key_id: UUID | None = None
    method: str | None = None
    endpoint: str | None = None
    status_class: int | None = None

    def given(self) -> dict[str, Any]:
        """The dimensions that narrow."""
        names = ("user_id", "api_key_id", "method", "endpoint", "status_class")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _cube(needed: set[str], cubes: tuple[tuple[Cube, frozenset[str]], ...] = _CUBES) -> Cube | None:
    return next((cube for cube, dimensions in cubes if needed <= dimensions), None)


def _rows(window: Window, scope: Scope, cube: Cube) -> Any:
    return Rollup.objects.filter(window.q(), cube=cube, **scope.given())


def totals(window: Window, scope: Scope) -> dict[str, Any]:
    """Requests, errors (4xx and 5xx), server errors, bytes, mean and p50/p95/p99 in milliseconds.

    A percentile is None where no histogram has the asked dimensions (a user's own single endpoint).
    """
    cube = _cube({*scope.given(), "status_class"}) or Cube.DETAIL
    by_class = list(_rows(window, scope, cube).values("status_class").annotate(*_sums()))
    result = _add_up(by_class)
    histogram = latency(window, scope)
    for name, fraction in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        result[name] = percentile_ms(histogram, fraction)
    return result


def latency(window: Window, scope: Scope) -> dict[int, int]:
    """Bucket -> requests; empty where no histogram has the asked dimensions."""
    cube = _cube(set(scope.given()), _LATENCY_CUBES)
    if cube is None:
        return {}
    rows = _rows(window, scope, cube).values("bucket").annotate(total=Sum("requests"))
    return {row["bucket"]: row["total"] for row in rows}


def top(window: Window, scope: Scope, dimensions: tuple[str, ...], count: int = TOP) -> list[dict[str, Any]]:
    """The busiest values of some dimensions with requests, errors and mean, busiest first."""
    cube = _cube({*scope.given(), *dimensions, "status_class"}) or Cube.DETAIL
    rows = _rows(window, scope, cube)
    if "user_id" in dimensions:
        rows = rows.exclude(user_id=NOBODY)
    if "api_key_id" in dimensions:
        rows = rows.exclude(api_key_id=NOBODY)
    found = (
        rows.values(*dimensions)
        .annotate(
            total=Sum("requests"),
            errors=Sum("requests", filter=Q(status_class__gte=4), default=0),
            time=Sum("duration_us"),
        )
        .order_by("-total", *dimensions)[:count]
    )
    return [
        {
            **{name: row[name] for name in dimensions},
            "requests": row["total"],
            "errors": row["errors"],
            "mean_ms": round(row["time"] / row["total"] / 1000, 3),
        }
        for row in found
    ]


def timeseries(window: Window, scope: Scope, period: Period, group_by: str | None) -> list[dict[str, Any]]:
    """One point for each step of `period`, ungrouped points for empty steps too; with `group_by`, one a step and value.

    Of many values the twenty busiest are kept and the rest is added up as None.
    """
    needed = {*scope.given(), "status_class"} | ({group_by} if group_by else set())
    cube = _cube(needed) or Cube.DETAIL
    step = STEP[period]
    start, end = floor(window.start, step), window.end
    rows = Rollup.objects.filter(cube=cube, period=period, start__gte=start, start__lt=end, **scope.given())
    keys = ("start", "status_class") if group_by is None else tuple(dict.fromkeys(("start", "status_class", group_by)))
    points: dict[tuple[datetime, Any], list[dict[str, Any]]] = defaultdict(list)
    kept = _busiest(rows, group_by) if group_by else None
    for row in rows.values(*keys).annotate(*_sums()).order_by("start"):
        value = row.get(group_by) if group_by else None
        points[(row["start"], value if kept is None or value in kept else None)].append(row)
    if group_by is None:
        moment = start
        while moment < end:
            points.setdefault((moment, None), [])
            moment += step
    return [
        {"start": moment, **({group_by: value} if group_by else {}), **_add_up(rows_of)}
        for (moment, value), rows_of in sorted(points.items(), key=lambda item: (item[0][0], str(item[0][1])))
    ]


def _busiest(rows: Any, dimension: str) -> set[Any]:
    found = rows.values(dimension).annotate(total=Sum("requests")).order_by("-total")[:MAX_GROUPS]
    return {row[dimension] for row in found}


def _sums() -> list[Any]:
    return [Sum(name) for name in MEASURES]


def _add_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    requests = sum(row["requests__sum"] for row in rows)
    time_spent = sum(row["duration_us__sum"] for row in rows)
    return {
        "requests": int(requests),
        "errors": int(sum(row["requests__sum"] for row in rows if row["status_class"] >= 4)),
        "server_errors": int(sum(row["requests__sum"] for row in rows if row["status_class"] >= 5)),
        "bytes_in": int(sum(row["bytes_in__sum"] for row in rows)),
        "bytes_out": int(sum(row["bytes_out__sum"] for row in rows)),
        "mean_ms": round(int(time_spent) / int(requests) / 1000, 3) if requests else None,
    }
