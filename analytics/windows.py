"""Time windows over rollups: days in the middle, hours at the edges while those are kept, minutes likewise."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q

from analytics.choices import Period

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = {Period.MINUTE: MINUTE, Period.HOUR: HOUR, Period.DAY: DAY}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The start of the step that a moment lies in (UTC)."""
    return _EPOCH + (moment - _EPOCH) // step * step


def ceil(moment: datetime, step: timedelta) -> datetime:
    """The first start of a step not before a moment."""
    floored = floor(moment, step)
    return floored if floored == moment else floored + step


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end), aware. Counted in whole minutes while those are kept, else in whole hours, else in whole days."""

    start: datetime
    end: datetime

    def segments(self, finest: timedelta = MINUTE) -> list[tuple[Period, datetime, datetime]]:
        """The grains that tile the window, none finer than `finest`, at most five stretches."""
        step = max(finest, self.finest())
        start, end = floor(self.start, step), ceil(self.end, step)
        tiles: list[tuple[Period, datetime, datetime]] = []
        _tile(tiles, [Period.DAY, Period.HOUR, Period.MINUTE], start, end)
        return tiles

    def finest(self) -> timedelta:
        """The finest grain that is kept for all of the window, with an hour in hand for the purge."""
        now = datetime.now(UTC)
        if self.start >= now - timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS) + HOUR:
            return MINUTE
        return HOUR if self.start >= now - timedelta(days=settings.ROLLUP_HOUR_RETENTION_DAYS) + HOUR else DAY

    def q(self, finest: timedelta = MINUTE) -> Q:
        """The condition on Rollup rows."""
        condition = Q(pk__in=[])
        for period, start, end in self.segments(finest):
            condition |= Q(period=period, start__gte=start, start__lt=end)
        return condition


def _tile(tiles: list[tuple[Period, datetime, datetime]], periods: list[Period], start: datetime, end: datetime) -> None:
    if start >= end:
        return
    step = STEP[periods[0]]
    first, last = ceil(start, step), floor(end, step)
    if len(periods) == 1:
        tiles.append((periods[0], start, end))
    elif first < last:
        _tile(tiles, periods[1:], start, first)
        tiles.append((periods[0], first, last))
        _tile(tiles, periods[1:], last, end)
    else:
        _tile(tiles, periods[1:], start, end)
