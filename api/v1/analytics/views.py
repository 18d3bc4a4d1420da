"""The request log and usage: one's own, everyone's for administrators."""

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import selectors
from analytics.bulk import in_bulk
from analytics.models import APILog, UsageStats
from analytics.reading import newest_first
from api.v1.analytics import export, parameters
from api.v1.analytics import serializers as shapes
from api.v1.analytics.filters import APILogFilter, UsageStatsFilter
from api.views import APIView, GenericViewSet
from api_keys.models import APIKey
from core.exceptions import Invalid
from core.pagination import KeysetPagination
from users.models import User

MAX_EXPORT = 1_000_000


@extend_schema_view(
    list=extend_schema(summary="List usage by day", description="Use by user and UTC day; a user sees its own."),
    retrieve=extend_schema(summary="Get a day of use", description="One user's use on one UTC day."),
)
class UsageStatsViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Usage by user and day."""

    queryset = UsageStats.objects.none()
    serializer_class = shapes.UsageStatsSerializer
    filterset_class = UsageStatsFilter
    ordering_fields = ("date", "api_requests", "messages_sent", "errors")
    ordering = ("-date", "-id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": "usage:read"}

    def get_queryset(self) -> Any:
        """What the caller may see."""
        return UsageStats.objects.visible_to(user_id=self.principal.user_id, is_staff=self.principal.is_staff)


@extend_schema_view(
    list=extend_schema(
        summary="List requests",
        description="The request log, newest first, by cursor; a user sees its own. Seconds behind at most.",
    )
)
class APILogViewSet(ListModelMixin, GenericViewSet):
    """The request log."""

    queryset = APILog.objects.none()
    serializer_class = shapes.APILogSerializer
    filterset_class = APILogFilter
    pagination_class = KeysetPagination
    keyset = ("timestamp", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": "logs:read"}

    def get_queryset(self) -> Any:
        """What the caller may see."""
        return APILog.objects.visible_to(user_id=self.principal.user_id, is_staff=self.principal.is_staff)

    @extend_schema(
        summary="Export requests",
        filters=True,
        parameters=[
            OpenApiParameter("format", OpenApiTypes.STR, enum=["csv", "ndjson"], default="csv"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_EXPORT, "default": 100_000}),
        ],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="CSV with a header line."),
            (200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR, description="One JSON object a line."),
        },
    )
    def export(self, request: Request) -> StreamingHttpResponse:
        """Stream the rows that the same filters list, newest first."""
        kind = request.query_params.get("format", "csv")
        if kind not in export.WRITERS:
            raise Invalid.field("format", "csv or ndjson.", "invalid_choice")
        rows = newest_first(self.filter_queryset(self.get_queryset()), _limit(request))
        content_type, writer = export.WRITERS[kind]
        lines: Iterator[bytes] = writer(rows)
        headers = {"Content-Disposition": f'attachment; filename="requests.{kind}"'}
        return StreamingHttpResponse(lines, content_type=content_type, headers=headers)


def _limit(request: Request) -> int:
    raw = request.query_params.get("limit", "100000")
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 7 or not 1 <= int(raw) <= MAX_EXPORT:
        raise Invalid.field("limit", f"Must be a whole number from 1 to {MAX_EXPORT}.", "out_of_range")
    return int(raw)


class SummaryView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "usage:read"}

    @extend_schema(summary="Summarise a window", parameters=[parameters.WindowSerializer], responses=shapes.SummarySerializer)
    def get(self, request: Request) -> Response:
        """Totals, error rate, percentiles and the busiest endpoints, users and keys of a window; a user's are its own."""
        serializer = parameters.WindowSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        window = parameters.window_of(serializer.validated_data)
        scope = parameters.scope_of(serializer.validated_data, self.principal)
        with in_bulk():
            read = selectors.widened(window)
            totals = selectors.totals(read, scope)
            users, keys = selectors.top_callers(read, scope)
            endpoints = selectors.top(read, scope, ("method", "endpoint"))
        return Response(
            {
                "start": window.start,
                "end": window.end,
                **totals,
                "error_rate": round(totals["errors"] / totals["requests"], 6) if totals["requests"] else None,
                "top_endpoints": endpoints,
                "top_users": _named_users(users),
                "top_keys": _named_keys(keys),
            }
        )


class TimeseriesView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "usage:read"}

    @extend_schema(
        summary="Requests over time", parameters=[parameters.TimeseriesSerializer], responses=shapes.PointSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """One point a bucket, grouped if asked; a user's are its own. Minutes are kept for two days, hours for a year."""
        serializer = parameters.TimeseriesSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        window = parameters.window_of(data)
        scope = parameters.scope_of(data, self.principal)
        group_by = data.get("group_by")
        period = parameters.period_of(data, window)
        with in_bulk():
            points = selectors.timeseries(window, scope, period, group_by)
        for point in points:
            value = point.pop(group_by) if group_by else None
            point["group"] = None if value is None else str(value)
        return Response(points)


def _named_users(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names: dict[UUID, str] = dict(User.objects.filter(pk__in=[row["user_id"] for row in rows]).values_list("pk", "username"))
    return [{**row, "username": names.get(row["user_id"])} for row in rows]


def _named_keys(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names: dict[UUID, str] = dict(APIKey.objects.filter(pk__in=[row["api_key_id"] for row in rows]).values_list("pk", "name"))
    return [{**row, "name": names.get(row["api_key_id"])} for row in rows]
