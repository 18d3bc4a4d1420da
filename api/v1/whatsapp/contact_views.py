"""Files and people: what was uploaded or came in, who was written to, who wants no more."""

from typing import Any, ClassVar

from django.db.models import Q
from django.http import FileResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.whatsapp import serializers as shapes
from api.v1.whatsapp.filters import ContactFilter, MediaFilter
from api.v1.whatsapp.views import PERMISSIONS, READ, SEND, MediaUploadParser, session_of
from api.views import GenericViewSet
from core.pagination import KeysetPagination
from modules.whatsapp.choices import MediaStatus, MessageType
from modules.whatsapp.exceptions import MediaGone
from modules.whatsapp.models import Contact, Media
from modules.whatsapp.services import contacts
from modules.whatsapp.services import media as files


@extend_schema_view(
    list=extend_schema(summary="List files", description="Uploaded, fetched, and come in; newest first, by cursor."),
    retrieve=extend_schema(summary="Get a file's description", description="What it is, and whether it is here."),
)
class MediaViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Files."""

    permission_classes = PERMISSIONS
    queryset = Media.objects.none()
    serializer_class = shapes.WhatsAppMediaSerializer
    filterset_class = MediaFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    lookup_value_converter = "uuid"
    parser_classes = (MediaUploadParser,)
    conflicts: ClassVar[tuple[str, ...]] = ("content",)
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": SEND}

    def get_queryset(self) -> Any:
        """The caller's own; what came in, in the environment it calls in."""
        mine = Media.objects.visible_to(user_id=self.principal.user_id)
        return mine.filter(Q(session=None) | Q(session__environment=self.principal.environment))

    @extend_schema(
        summary="Upload a file",
        request={"multipart/form-data": shapes.WhatsAppMediaUploadSerializer},
        responses={201: shapes.WhatsAppMediaSerializer},
    )
    def create(self, request: Request) -> Response:
        """Keep a file to be sent once or often. It is checked by its content; pictures are made anew, without hidden parts."""
        serializer = shapes.WhatsAppMediaUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        kind, upload = MessageType(serializer.validated_data["kind"]), serializer.validated_data["file"]
        media = files.upload(user_id=self.principal.user_id, kind=kind, content=upload, size=upload.size, filename=upload.name)
        return Response(
            shapes.WhatsAppMediaSerializer(media).data, status=201, headers={"Location": f"{request.path}{media.pk}/"}
        )

    @extend_schema(summary="Delete a file", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove it. Messages that were sent with it stay."""
        files.delete(media=self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Get a file",
        responses={(200, "application/octet-stream"): OpenApiResponse(bytes, description="The file, as a download.")},
    )
    def content(self, request: Request, **kwargs: Any) -> Any:
        """The file itself, always as a download: nobody's file is shown as a page of ours."""
        media = self.get_object()
        if media.status != MediaStatus.READY or not media.file:
            raise MediaGone
        try:
            opened = media.file.open("rb")
        except FileNotFoundError as error:
            raise MediaGone from error
        answer = FileResponse(opened, as_attachment=True, filename=media.filename, content_type="application/octet-stream")
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


class _ContactViewSet(ListModelMixin, GenericViewSet):
    permission_classes = PERMISSIONS
    queryset = Contact.objects.none()
    serializer_class = shapes.WhatsAppContactSerializer
    filterset_class = ContactFilter
    pagination_class = KeysetPagination
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": SEND}

    def get_queryset(self) -> Any:
        """The caller's own, of the environment it calls in."""
        return Contact.objects.filter(session_id=session_of(self.principal))


@extend_schema_view(
    list=extend_schema(
        summary="List conversations",
        description="Who was written to or wrote, by cursor, the last first. The messages are at `/api/v1/messages/?recipient=`.",
    )
)
class ConversationViewSet(_ContactViewSet):
    """People at the other end."""

    keyset = ("updated_at", "id")


@extend_schema_view(
    list=extend_schema(summary="List who opted out", description="The last first, by cursor. Nothing is ever sent to them.")
)
class OptOutViewSet(_ContactViewSet):
    """Who wants no more messages."""

    keyset = ("opted_out_at", "id")

    def get_queryset(self) -> Any:
        """Those who opted out."""
        return super().get_queryset().opted_out()

    @extend_schema(
        summary="Opt somebody out", request=shapes.WhatsAppRecipientSerializer, responses={201: shapes.WhatsAppContactSerializer}
    )
    def create(self, request: Request) -> Response:
        """Never write to this number again; what waits for it is taken back. Who answers STOP is put here without you."""
        serializer = shapes.WhatsAppRecipientSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        contact = contacts.add_opt_out(
            user_id=self.principal.user_id,
            environment=self.principal.environment,
            recipient=serializer.validated_data["recipient"],
            actor=self.actor,
        )
        return Response(shapes.WhatsAppContactSerializer(contact).data, status=201)

    @extend_schema(summary="Opt somebody in again", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Take a number off the list; do so only if that is its owner's wish."""
        contacts.remove_opt_out(contact=self.get_object(), actor=self.actor)
        return Response(status=204)
