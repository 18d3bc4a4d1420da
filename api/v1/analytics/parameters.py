"""Query parameters of summaries and time series: the window and what to count."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework import serializers

from analytics.choices import Period
from analytics.selectors import Scope
from analytics.windows import STEP, Window
from core.exceptions import Invalid
from core.principals import Principal

MAX_WINDOW = timedelta(days=400)
MAX_POINTS = 1_500
GROUPS = ("endpoint", "method", "status_class", "user_id", "api_key_id")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class WindowSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField(required=False, help_text="From here on; a day before the end when left out.")
    end = serializers.DateTimeField(required=False, help_text="Up to here; now when left out.")
    user = serializers.UUIDField(required=False, help_text="Administrators only; others see their own.")
    api_key = serializers.UUIDField(required=False)
    endpoint = serializers.CharField(required=False, max_length=200, help_text="The route template.")
    method = serializers.ChoiceField(
        choices=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "OTHER"], required=False
    )
    status_class = serializers.IntegerField(required=False, min_value=1, max_value=5, help_text="2 for 2xx and so on.")


class TimeseriesSerializer(WindowSerializer):
    bucket = serializers.ChoiceField(choices=["minute", "hour", "day"], default="hour")
    group_by = serializers.ChoiceField(choices=GROUPS, required=False)


def window_of(data: dict[str, Any]) -> Window:
    """The window asked for. Raises Invalid."""
    end = data.get("end") or datetime.now(UTC)
    if not _EARLIEST < end < _LATEST:
        raise Invalid.field("end", "Out of range.", "out_of_range")
    start = data.get("start") or end - timedelta(days=1)
    if not _EARLIEST <= start < _LATEST:
        raise Invalid.field("start", "Out of range.", "out_of_range")
    if start >= end:
        raise Invalid.field("start", "Must lie before the end.", "out_of_range")
    if end - start > MAX_WINDOW:
        raise Invalid.field("start", f"At most {MAX_WINDOW.days} days.", "out_of_range")
    return Window(start.astimezone(UTC), end.astimezone(UTC))


def scope_of(data: dict[str, Any], principal: Principal) -> Scope:
    """What may and shall be counted: a caller who is no administrator sees its own only."""
    return Scope(
        user_id=data.get("user") if principal.is_staff else principal.user_id,
        api_key_id=data.get("api_key"),
        method=data.get("method"),
        endpoint=data.get("endpoint"),
        status_class=data.get("status_class"),
    )


def period_of(data: dict[str, Any], window: Window) -> Period:
    """The step. Raises Invalid when it makes too many points."""
    period = Period[data["bucket"].upper()]
    if (window.end - window.start) / STEP[period] > MAX_POINTS:
        raise Invalid.field(
            "bucket", f"More than {MAX_POINTS} points; take a larger bucket or a shorter window.", "too_many_points"
        )
    return period
