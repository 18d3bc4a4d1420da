"""Reads for people: totals, percentiles, rankings and time series, from rollups."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, F, FloatField, Func, IntegerField, Q, Sum, Value
from django.db.models.functions import Cast, TruncMinute

from analytics.bulk import fetch
from analytics.choices import Cube, Period
from analytics.latency import percentile_ms
from analytics.models import NOBODY, APILog, Rollup, UsageStats
from analytics.windows import DAY, HOUR, MINUTE, STEP, Window, ceil, floor

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


def _cube(needed: set[str]) -> Cube:
    return next(cube for cube, dimensions in _CUBES if needed <= dimensions)


def _rows(window: Window, scope: Scope, cube: Cube) -> Any:
    finest = HOUR if cube is Cube.DETAIL else MINUTE
    return Rollup.objects.filter(window.q(finest), cube=cube, **scope.given())


def widened(window: Window) -> Window:
    """The window to the end of its last day if nothing is logged in between: the same requests, in fewer rows."""
    step, midnight = window.finest(), ceil(window.end, DAY)
    if step is DAY:
        return window
    period = Period.MINUTE if step is MINUTE else Period.HOUR
    later = Rollup.objects.filter(cube=Cube.TOTAL, period=period, start__gte=ceil(window.end, step), start__lt=midnight)
    return window if later.exists() else Window(window.start, midnight)


def totals(window: Window, scope: Scope) -> dict[str, Any]:
    """Requests, errors (4xx and 5xx), server errors, bytes, mean and p50/p95/p99 in milliseconds.

    A percentile is None where no histogram has the asked dimensions (a user's own single endpoint); such a window is counted in
    whole hours.
    """
    cube = _cube({*scope.given(), "status_class"})
    result = _point(**_rows(window, scope, cube).aggregate(**_sums()))
    histogram = latency(window, scope)
    for name, fraction in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        result[name] = percentile_ms(histogram, fraction)
    return result


def latency(window: Window, scope: Scope) -> dict[int, int]:
    """Bucket -> requests; empty where no histogram has the asked dimensions."""
    cube = _cube(set(scope.given()))
    histogram: Counter[int] = Counter()
    if cube is not Cube.DETAIL:
        for buckets, counts in _rows(window, scope, cube).values_list("latency_buckets", "latency_counts"):
            _add(histogram, buckets, counts)
    return histogram


def top(window: Window, scope: Scope, dimensions: tuple[str, ...], count: int = TOP) -> list[dict[str, Any]]:
    """The busiest values of some dimensions with requests, errors and mean, busiest first.

    The endpoints of a user or key are counted in whole hours.
    """
    found = _counted(window, scope, dimensions).order_by("-total", *dimensions)[:count]
    return [_rank(dimensions, *row) for row in found]


def top_callers(window: Window, scope: Scope, count: int = TOP) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The busiest users and the busiest keys. Of an endpoint or method both are in the detail cube, which is then read once."""
    if _cube({*scope.given(), "user_id", "status_class"}) is not Cube.DETAIL:
        return top(window, scope, ("user_id",), count), top(window, scope, ("api_key_id",), count)
    users: dict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
    keys: dict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
    for user_id, key_id, *sums in _counted(window, scope, ("user_id", "api_key_id"), keyless=True):
        for sides, caller in ((users, user_id), (keys, key_id)):
            sides[caller] = [one + more for one, more in zip(sides[caller], sums, strict=True)]
    keys.pop(NOBODY, None)

    def busiest(name: str, sides: dict[UUID, list[int]]) -> list[dict[str, Any]]:
        ranked = sorted(sides.items(), key=lambda side: (-side[1][0], side[0]))
        return [_rank((name,), caller, *sums) for caller, sums in ranked[:count]]

    return busiest("user_id", users), busiest("api_key_id", keys)


def _counted(window: Window, scope: Scope, dimensions: tuple[str, ...], *, keyless: bool = False) -> Any:
    """Rows of the dimensions' values, requests, errors and time; nobody is left out, and what came without a key."""
    rows = _rows(window, scope, _cube({*scope.given(), *dimensions, "status_class"}))
    if "user_id" in dimensions:
        rows = rows.exclude(user_id=NOBODY)
    if "api_key_id" in dimensions and not keyless:
        rows = rows.exclude(api_key_id=NOBODY)
    sums = {
        "total": Sum("requests"),
        "errors": Sum("requests", filter=Q(status_class__gte=4), default=0),
        "time": Sum("duration_us"),
    }
    return rows.values_list(*dimensions).annotate(**_as_bigints(sums))


def _rank(dimensions: tuple[str, ...], *row: Any) -> dict[str, Any]:
    *values, requests, errors, time = row
    named = dict(zip(dimensions, values, strict=True))
    return {**named, "requests": requests, "errors": errors, "mean_ms": round(time / requests / 1000, 3)}


def timeseries(window: Window, scope: Scope, period: Period, group_by: str | None) -> list[dict[str, Any]]:
    """One point for each step of `period`, ungrouped points for empty steps too; with `group_by`, one a step and value.

    Of many values the twenty busiest are kept and the rest is added up as None.
    """
    needed = {*scope.given(), "status_class"} | ({group_by} if group_by else set())
    cube = _cube(needed)
    step = STEP[period]
    start, end = floor(window.start, step), window.end
    if cube is Cube.DETAIL and period is Period.MINUTE:
        rows = ranked = _logged_minutes(start, ceil(end, step), scope)
    else:
        rows = Rollup.objects.filter(cube=cube, period=period, start__gte=start, start__lt=end, **scope.given())
        ranked = _rows(Window(start, ceil(end, step)), scope, cube)
    if group_by is None:
        found = {moment: sums for moment, *sums in rows.values_list("start").annotate(**_sums())}
        steps = -((start - end) // step)
        return [{"start": moment, **_point(*found.get(moment, ()))} for moment in (start + step * n for n in range(steps))]
    if group_by in ("user_id", "api_key_id"):
        # As in a ranking: nobody's requests are no group, whichever cube is read.
        somebody = ~Q(**{group_by: NOBODY}) & Q(**{f"{group_by}__isnull": False})
        rows, ranked = rows.filter(somebody), ranked.filter(somebody)
    return _grouped(rows, ranked, group_by)


def _grouped(rows: Any, ranked: Any, group_by: str) -> list[dict[str, Any]]:
    """The busiest values apart, the rest of each step together as None. `ranked` are the same requests in the fewest rows."""
    busiest = ranked.values(group_by).annotate(total=Sum("requests")).order_by("-total", group_by)[:MAX_GROUPS]
    kept = [row[group_by] for row in busiest]
    if not kept:
        return []
    # Numbers instead of texts and times: cheaper to group by for the database, and to read.
    field: Any = Rollup._meta.get_field(group_by)
    values = Cast(Value(kept), ArrayField(field))
    folded = rows.annotate(
        place=Func(values, F(group_by), function="array_position", output_field=IntegerField()),
        second=Func(Value("epoch"), F("start"), function="date_part", output_field=FloatField()),
    )
    found = fetch(folded.values_list("second", "place").annotate(**_sums()))
    names: dict[int | None, Any] = dict(enumerate(kept, start=1))
    texts = {place: str(names.get(place)) for place in (*names, None)}
    found.sort(key=lambda row: (row[0], texts[row[1]]))
    moments = {second: datetime.fromtimestamp(second, UTC) for second in {row[0] for row in found}}
    return [{"start": moments[second], group_by: names.get(place), **_point(*sums)} for second, place, *sums in found]


def _logged_minutes(start: datetime, end: datetime, scope: Scope) -> Any:
    """The one grain that no rollup has, from the log and its indexes: a user's or key's routes by the minute."""
    counted = APILog.objects.filter(timestamp__gte=start, timestamp__lt=end, user_id__isnull=False).annotate(
        start=TruncMinute("timestamp", tzinfo=UTC), status_class=F("status_code") / 100, requests=Value(1)
    )
    return counted.filter(**scope.given())


def _add(histogram: Counter[int], buckets: list[int], counts: list[int]) -> None:
    for bucket, count in zip(buckets, counts, strict=True):
        histogram[bucket] += count


def _sums() -> dict[str, Cast]:
    sums = {
        "total": Sum("requests"),
        "failed": Sum("requests", filter=Q(status_class__gte=4)),
        "broken": Sum("requests", filter=Q(status_class__gte=5)),
        "received": Sum("bytes_in"),
        "sent": Sum("bytes_out"),
        "spent": Sum("duration_us"),
    }
    return _as_bigints(sums)


def _as_bigints(sums: dict[str, Sum]) -> dict[str, Cast]:
    """A sum of bigints is a numeric, ten times as slow to read."""
    return {name: Cast(each, BigIntegerField()) for name, each in sums.items()}


def _point(
    total: int | None = None,
    failed: int | None = None,
    broken: int | None = None,
    received: int | None = None,
    sent: int | None = None,
    spent: int | None = None,
) -> dict[str, Any]:
    """What the sums of some rows (`_sums`, in their order), or of none, say."""
    return {
        "requests": total or 0,
        "errors": failed or 0,
        "server_errors": broken or 0,
        "bytes_in": received or 0,
        "bytes_out": sent or 0,
        "mean_ms": round((spent or 0) / total / 1000, 3) if total else None,
    }


def latency_series(window: Window, scope: Scope, period: Period) -> dict[datetime, tuple[float | None, float | None]]:
    """p50 and p95 in milliseconds for each step of `period` that had requests; empty where no histogram has the dimensions."""
    cube = _cube(set(scope.given()))
    if cube is Cube.DETAIL:
        return {}
    start = floor(window.start, STEP[period])
    rows: Any = Rollup.objects.filter(cube=cube, period=period, start__gte=start, start__lt=window.end, **scope.given())
    histograms: dict[datetime, Counter[int]] = defaultdict(Counter)
    for moment, buckets, counts in rows.values_list("start", "latency_buckets", "latency_counts"):
        _add(histograms[moment], buckets, counts)
    return {moment: (percentile_ms(found, 0.5), percentile_ms(found, 0.95)) for moment, found in histograms.items()}


def messages_by_day(first: date, *, user_id: UUID | None = None) -> dict[date, tuple[int, int]]:
    """(messages, of them with media) for each UTC day from `first` on that had any."""
    days = UsageStats.objects.filter(date__gte=first, messages_sent__gt=0)
    if user_id is not None:
        days = days.filter(user_id=user_id)
    sums = days.order_by().values("date").annotate(messages=Sum("messages_sent"), media=Sum("media_sent"))
    return {row["date"]: (int(row["messages"]), int(row["media"])) for row in sums}


def recent_endpoints(days: int = 7, limit: int = 500) -> list[str]:
    """The routes called in the last days, by name."""
    since = datetime.now(UTC) - timedelta(days=days)
    rows = Rollup.objects.filter(cube=Cube.ROUTE, period=Period.DAY, start__gte=since)
    return list(rows.order_by("endpoint").values_list("endpoint", flat=True).distinct()[:limit])
