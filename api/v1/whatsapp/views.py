"""Messages: sending them, and what became of them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.whatsapp import serializers as shapes
from api.v1.whatsapp.filters import MessageFilter
from api.views import APIView, GenericViewSet, parsed
from core.exceptions import Invalid
from core.pagination import KeysetPagination
from core.parsers import JSONParser, UploadParser
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from core.principals import Principal
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Media, Message, WhatsAppSession
from modules.whatsapp.services import contacts, messages
from modules.whatsapp.services import media as files
from modules.whatsapp.services.messages import Draft

PERMISSIONS = (IsActiveUser, HasScope, IsNotGuest)
SEND = "whatsapp:send"
READ = "whatsapp:read"
# Its fields are made once: making them takes longer than filling them.
_SHOWN = shapes.WhatsAppMessageSerializer()


class MediaUploadParser(UploadParser):
    """A form with one file."""

    max_bytes = 18 * 1_048_576


@extend_schema_view(
    list=extend_schema(
        summary="List messages",
        description="Newest first, by cursor: both directions, unless filtered. `recipient` is a conversation.",
    ),
    retrieve=extend_schema(
        summary="Get a message",
        description="One message, with the attempts after which it was not sent.",
        responses=shapes.WhatsAppMessageDetailSerializer,
    ),
)
class MessageViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Messages."""

    permission_classes = PERMISSIONS
    queryset = Message.objects.none()
    serializer_class = shapes.WhatsAppMessageSerializer
    filterset_class = MessageFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": SEND}

    def get_queryset(self) -> Any:
        """The caller's own, of the environment it calls in."""
        # By the session, not through it: a test key of a large account would walk through all live messages.
        found = Message.objects.filter(session_id=session_of(self.principal)).select_related("media")
        return found.prefetch_related("attempt_log") if self.action == "retrieve" else found

    def get_serializer_class(self) -> Any:
        """One message is shown whole."""
        return shapes.WhatsAppMessageDetailSerializer if self.action == "retrieve" else shapes.WhatsAppMessageSerializer

    @extend_schema(summary="Cancel a message", request=None, responses=shapes.WhatsAppMessageSerializer)
    def cancel(self, request: Request, **kwargs: Any) -> Response:
        """Take back a message that is still queued; it does not count then."""
        return Response(shapes.WhatsAppMessageSerializer(messages.cancel(message=self.get_object(), actor=self.actor)).data)

    @extend_schema(summary="Send a message again", request=None, responses={202: shapes.WhatsAppMessageSerializer})
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Queue a failed, unknown or cancelled message anew. One that is `unknown` may have arrived."""
        message = messages.retry(message=self.get_object(), actor=self.actor)
        return Response(shapes.WhatsAppMessageSerializer(message).data, status=202)


class _SendView(APIView):
    permission_classes = PERMISSIONS
    scopes: ClassVar[dict[str, str]] = {"POST": SEND}

    def accepted(self, recipient: str, draft: Draft) -> Response:
        """The message, as it is queued."""
        message = messages.send(
            user_id=self.principal.user_id, environment=self.principal.environment, recipient=recipient, draft=draft
        )
        headers = {"Location": f"/api/v1/messages/{message.pk}/"}
        return Response(_SHOWN.to_representation(message), status=202, headers=headers)


class SendTextView(_SendView):
    @extend_schema(
        summary="Send a text", request=shapes.WhatsAppSendTextSerializer, responses={202: shapes.WhatsAppMessageSerializer}
    )
    def post(self, request: Request) -> Response:
        """Queue a text, or schedule it with `send_at`. 202 says that it will be sent; what becomes of it comes as events
        (`whatsapp.message.sent`, `.delivered`, `.read`, `.failed`). Messages to one recipient keep their order.
        """
        data = parsed(shapes.WhatsAppSendTextSerializer, request)
        return self.accepted(data.pop("recipient"), Draft(MessageType.TEXT, **data))


class SendTemplateView(_SendView):
    @extend_schema(
        summary="Send a template",
        request=shapes.WhatsAppSendTemplateSerializer,
        responses={202: shapes.WhatsAppMessageSerializer},
    )
    def post(self, request: Request) -> Response:
        """Queue a template message: what the Cloud API takes when the recipient has not written for a day."""
        data = parsed(shapes.WhatsAppSendTemplateSerializer, request)
        return self.accepted(data.pop("recipient"), Draft(MessageType.TEMPLATE, **data))


class SendMediaView(_SendView):
    parser_classes = (JSONParser, MediaUploadParser)

    @extend_schema(
        summary="Send a file",
        request={
            "application/json": shapes.WhatsAppSendMediaSerializer,
            "multipart/form-data": shapes.WhatsAppSendMediaSerializer,
        },
        responses={202: shapes.WhatsAppMessageSerializer},
    )
    def post(self, request: Request) -> Response:
        """Queue an image, video, audio or document: from a URL, which is fetched and checked here, a file kept before, or
        uploaded with the call. It is told by its content, whatever its name says.
        """
        data = parsed(shapes.WhatsAppSendMediaSerializer, request)
        kind, caption, recipient = MessageType(data.pop("message_type")), data.pop("caption", ""), data.pop("recipient")
        source = self._source(kind, data.pop("media"), data.pop("filename", ""))
        return self.accepted(recipient, Draft(kind, caption, media=source, **data))

    def _source(self, kind: MessageType, given: Any, filename: str) -> Media | files.Source:
        if not isinstance(given, str):
            return files.Source(kind, filename or given.name, upload=given, size=given.size)
        try:
            return kept_media(self.principal.user_id, UUID(given), "media", kind)
        except ValueError:
            return files.Source(kind, filename, url=given)


class CheckNumberView(APIView):
    permission_classes = PERMISSIONS
    scopes: ClassVar[dict[str, str]] = {"POST": SEND}
    sensitive: ClassVar[dict[str, str]] = {"POST": "check-number"}
    # It asks and changes nothing.
    idempotent = False

    @extend_schema(
        summary="Check a number", request=shapes.WhatsAppRecipientSerializer, responses=shapes.WhatsAppNumberCheckSerializer
    )
    def post(self, request: Request) -> Response:
        """Whether a number has WhatsApp, as the session's gateway says."""
        number = parsed(shapes.WhatsAppRecipientSerializer, request)["recipient"]
        found, is_sandbox = contacts.check_number(
            user_id=self.principal.user_id, environment=self.principal.environment, number=number
        )
        return Response({"recipient": number, "exists": found.exists, "is_sandbox": is_sandbox})


def session_of(principal: Principal) -> UUID | None:
    """The caller's session in the environment it calls in; None where none was opened yet."""
    mine = WhatsAppSession.objects.of(user_id=principal.user_id, environment=principal.environment)
    found: UUID | None = mine.values_list("pk", flat=True).first()
    return found


def kept_media(user_id: UUID, media_id: UUID, field: str, kind: MessageType | None = None) -> Media:
    """One of the caller's files. Raises Invalid, naming the field, where there is none, or it is of another kind."""
    media: Media | None = Media.objects.visible_to(user_id=user_id).filter(pk=media_id, session=None).first()
    if media is None:
        raise Invalid.field(field, "There is no such file.", "does_not_exist")
    if kind is not None and media.kind != kind:
        raise Invalid.field(field, f"This file was kept as {media.kind}.", "wrong_kind")
    return media
