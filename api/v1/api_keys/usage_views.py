"""What one key was used for."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import selectors
from analytics.choices import Period
from analytics.windows import Window
from api.views import APIView
from api_keys.models import APIKey
from core.exceptions import Invalid, NotFound

MAX_DAYS = 366


class KeyUsageDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    requests = serializers.IntegerField(min_value=0)
    errors = serializers.IntegerField(min_value=0)  # type: ignore[assignment]
    bytes_in = serializers.IntegerField(min_value=0)
    bytes_out = serializers.IntegerField(min_value=0)


class KeyUsageSerializer(serializers.Serializer[Any]):
    api_key = serializers.UUIDField()
    requests = serializers.IntegerField(min_value=0)
    errors = serializers.IntegerField(min_value=0)  # type: ignore[assignment]
    p95_ms = serializers.FloatField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_ip = serializers.CharField(allow_null=True)
    days = KeyUsageDaySerializer(many=True)


class KeyUsageView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "api_keys:read"}

    @extend_schema(
        summary="Usage of an API key",
        parameters=[OpenApiParameter("days", {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": 30})],
        responses=KeyUsageSerializer,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """Requests, errors and bytes of the last days (UTC), from the rollups: at most a few seconds behind."""
        key = APIKey.objects.visible_to(user_id=self.principal.user_id, is_staff=self.principal.is_staff).filter(pk=pk).first()
        if key is None:
            raise NotFound
        now = datetime.now(UTC)
        start = (now - timedelta(days=_days(request) - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        scope = selectors.Scope(user_id=key.owner_id, api_key_id=key.pk)
        window = Window(start, now)
        totals = selectors.totals(window, scope)
        series = selectors.timeseries(window, scope, Period.DAY, None)
        return Response(
            {
                "api_key": key.pk,
                "requests": totals["requests"],
                "errors": totals["errors"],
                "p95_ms": totals["p95_ms"],
                "last_used_at": key.last_used_at,
                "last_used_ip": key.last_used_ip,
                "days": [
                    {
                        "date": point["start"].date(),
                        **{name: point[name] for name in ("requests", "errors", "bytes_in", "bytes_out")},
                    }
                    for point in series
                ],
            }
        )


def _days(request: Request) -> int:
    raw = request.query_params.get("days", "30")
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 4 or not 1 <= int(raw) <= MAX_DAYS:
        raise Invalid.field("days", f"Must be a whole number from 1 to {MAX_DAYS}.", "out_of_range")
    return int(raw)
