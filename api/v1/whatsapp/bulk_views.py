"""One message to many."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.whatsapp import serializers as shapes
from api.v1.whatsapp.filters import BulkFilter
from api.v1.whatsapp.views import PERMISSIONS, READ, SEND, kept_media
from api.views import APIView, GenericViewSet
from core.pagination import KeysetPagination
from modules.whatsapp import selectors
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Bulk
from modules.whatsapp.services import bulks
from modules.whatsapp.services.messages import Draft


class SendBulkView(APIView):
    permission_classes = PERMISSIONS
    scopes: ClassVar[dict[str, str]] = {"POST": SEND}

    @extend_schema(
        summary="Send to many", request=shapes.WhatsAppSendBulkSerializer, responses={202: shapes.WhatsAppBulkDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Queue one message to up to 10,000 recipients. Those that cannot be written to are refused one by one, with the reason;
        the others are queued together or, when the daily quota has no room for all of them, none.
        """
        serializer = shapes.WhatsAppSendBulkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        recipients, name = data.pop("recipients"), data.pop("name", "")
        bulk = bulks.send_bulk(
            user_id=self.principal.user_id,
            environment=self.principal.environment,
            recipients=recipients,
            draft=self._draft(data),
            name=name,
        )
        return Response(_shown(bulk), status=202, headers={"Location": f"/api/v1/messages/bulks/{bulk.pk}/"})

    def _draft(self, data: dict[str, Any]) -> Draft:
        if "template" in data:
            return Draft(MessageType.TEMPLATE, **data)
        if (media_id := data.pop("media", None)) is not None:
            media = kept_media(self.principal.user_id, media_id, "media")
            return Draft(MessageType(media.kind), media=media, **data)
        return Draft(MessageType.TEXT, **data)


@extend_schema_view(
    list=extend_schema(summary="List bulks", description="Newest first, by cursor, without who was refused."),
)
class BulkViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Bulks."""

    permission_classes = PERMISSIONS
    queryset = Bulk.objects.none()
    serializer_class = shapes.WhatsAppBulkSerializer
    filterset_class = BulkFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": SEND}

    def get_queryset(self) -> Any:
        """The caller's own, of the environment it calls in."""
        found = Bulk.objects.visible_to(user_id=self.principal.user_id).filter(session__environment=self.principal.environment)
        return found.defer("rejected") if self.action == "list" else found

    @extend_schema(summary="Get a bulk", responses=shapes.WhatsAppBulkDetailSerializer)
    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """How far it is, and who was refused. Its messages are at `/api/v1/messages/?bulk=`."""
        return Response(_shown(self.get_object()))

    @extend_schema(summary="Pause a bulk", request=None, responses=shapes.WhatsAppBulkDetailSerializer)
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Send nothing more of it for now. What is under way arrives."""
        return Response(_shown(bulks.pause(bulk=self.get_object(), actor=self.actor)))

    @extend_schema(summary="Resume a bulk", request=None, responses=shapes.WhatsAppBulkDetailSerializer)
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Go on."""
        return Response(_shown(bulks.resume(bulk=self.get_object(), actor=self.actor)))

    @extend_schema(summary="Cancel a bulk", request=None, responses=shapes.WhatsAppBulkDetailSerializer)
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """Take back all that is still queued; it does not count then."""
        return Response(_shown(bulks.cancel(bulk=self.get_object(), actor=self.actor)))


def _shown(bulk: Bulk) -> Any:
    bulk.progress = selectors.progress(bulk)  # type: ignore[attr-defined]
    return shapes.WhatsAppBulkDetailSerializer(bulk).data
