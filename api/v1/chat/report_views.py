"""Reports of messages."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import message_serializers as shapes
from api.v1.chat.message_filters import ReportFilter
from api.v1.chat.message_views import WRITE, RoomView
from api.views import GenericViewSet, parsed
from core.pagination import KeysetPagination
from modules.chat import rights, selectors
from modules.chat.choices import ReportStatus
from modules.chat.models import Report
from modules.chat.rights import Action
from modules.chat.services import reports

_SHOWN = shapes.ChatReportSerializer()


class ReportView(RoomView):
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}

    @extend_schema(
        summary="Report a message",
        request=shapes.ChatReportMakeSerializer,
        responses={200: shapes.ChatReportSerializer, 201: shapes.ChatReportSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Tell those who look after the room of a message. A second report of the same message is the first one (200)."""
        place = self.place
        data = parsed(shapes.ChatReportMakeSerializer, request)
        report, is_new = reports.report_message(member=place, message=self.message(place), **data)
        return Response(_SHOWN.to_representation(report), status=201 if is_new else 200)


@extend_schema_view(
    list=extend_schema(
        summary="List a room's reports", description="For those who look after the room; the newest first, by cursor."
    )
)
class ReportsViewSet(ListModelMixin, GenericViewSet):
    """A room's reports."""

    queryset = Report.objects.none()
    serializer_class = shapes.ChatReportSerializer
    filterset_class = ReportFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"*": "chat:manage", "GET": "chat:manage"}

    def get_queryset(self) -> Any:
        """Those of the room. Raises RoomNotFound, NotAMember, RightMissing."""
        place = selectors.place_of(self.kwargs["room_id"], self.principal.user_id)
        rights.check(place.room, place, Action.SEE_REPORTS)
        return Report.objects.filter(room_id=place.room_id)


class ReportActionsViewSet(GenericViewSet):
    """Closing reports."""

    queryset = Report.objects.none()
    serializer_class = shapes.ChatReportSerializer
    scopes: ClassVar[dict[str, str]] = {"POST": "chat:manage"}

    @extend_schema(summary="Resolve a report", request=None, responses=shapes.ChatReportSerializer)
    def resolve(self, request: Request, **kwargs: Any) -> Response:
        """Close it: something was done."""
        return self._closed(ReportStatus.RESOLVED)

    @extend_schema(summary="Dismiss a report", request=None, responses=shapes.ChatReportSerializer)
    def dismiss(self, request: Request, **kwargs: Any) -> Response:
        """Close it: there was nothing to do."""
        return self._closed(ReportStatus.DISMISSED)

    def _closed(self, status: ReportStatus) -> Response:
        report = selectors.report_for(self.principal.user_id, self.kwargs["pk"])
        return Response(_SHOWN.to_representation(reports.handle_report(report=report, actor=self.actor, status=status)))
