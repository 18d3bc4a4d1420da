"""Incoming webhooks: looking after them, and the address that writes."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import gate
from api.v1.chat import file_serializers as shapes
from api.views import ANONYMOUS, APIView, GenericViewSet, parsed
from core.pagination import PageNumberPagination
from modules.chat.exceptions import WebhookNotFound
from modules.chat.models import IncomingWebhook
from modules.chat.services import incoming

READ, MANAGE = "chat:read", "chat:manage"
_SHOWN = shapes.ChatIncomingWebhookSerializer()


class RoomWebhooksView(GenericViewSet):
    """A room's webhooks."""

    queryset = IncomingWebhook.objects.none()
    serializer_class = shapes.ChatIncomingWebhookSerializer
    pagination_class = PageNumberPagination
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": MANAGE}

    @extend_schema(summary="List a room's incoming webhooks", responses=shapes.ChatIncomingWebhookSerializer(many=True))
    def list(self, request: Request, room_id: UUID) -> Response:
        """The newest first, for owners and administrators of the room. Tokens are not shown again."""
        found = incoming.of_room(room_id=room_id, user_id=self.principal.user_id)
        page = self.paginate_queryset(found)
        return self.get_paginated_response([_SHOWN.to_representation(one) for one in page or []])

    @extend_schema(
        summary="Make an incoming webhook",
        request=shapes.ChatIncomingWebhookMakeSerializer,
        responses={201: shapes.ChatIncomingWebhookMadeSerializer},
    )
    def create(self, request: Request, room_id: UUID) -> Response:
        """An address that writes into the room under this name; at most twenty a room. Its token is shown now and never again."""
        made = incoming.create(room_id=room_id, actor=self.actor, **parsed(shapes.ChatIncomingWebhookMakeSerializer, request))
        path = f"/api/v1/chat/incoming/{made.webhook.pk}/{made.token}/"
        shown = {**_SHOWN.to_representation(made.webhook), "token": made.token, "path": path}
        return Response(shown, status=201, headers={"Location": f"/api/v1/chat/webhooks/{made.webhook.pk}/"})


class WebhookView(APIView):
    scopes: ClassVar[dict[str, str]] = {"*": MANAGE}

    @extend_schema(
        summary="Change an incoming webhook",
        request=shapes.ChatIncomingWebhookChangeSerializer,
        responses=shapes.ChatIncomingWebhookSerializer,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        """Give it another name, stop it or let it write again."""
        webhook = incoming.find(webhook_id=pk, user_id=self.principal.user_id)
        changes = parsed(shapes.ChatIncomingWebhookChangeSerializer, request)
        return Response(_SHOWN.to_representation(incoming.update(webhook=webhook, actor=self.actor, **changes)))

    @extend_schema(summary="Delete an incoming webhook", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """End its address. What it wrote stays."""
        incoming.delete(webhook=incoming.find(webhook_id=pk, user_id=self.principal.user_id), actor=self.actor)
        return Response(status=204)


class IncomingView(APIView):
    """The address of one webhook."""

    permission_classes: Any = ()

    def perform_authentication(self, request: Request) -> None:
        """The token in the address is the credential: who has it is limited as its webhook, everybody else by address."""
        request.user, request.auth = ANONYMOUS, None
        self.webhook = incoming.called(webhook_id=self.kwargs["pk"], token=self.kwargs["token"])
        if self.webhook is None:
            gate.admit(request._request, None)
            raise WebhookNotFound
        gate.admit_as(request._request, incoming.call_policy(), f"chat:{self.webhook.pk}")

    @extend_schema(
        summary="Write by an incoming webhook",
        request=shapes.ChatIncomingMessageSerializer,
        responses={202: shapes.ChatIncomingTakenSerializer},
        auth=[],
    )
    def post(self, request: Request, pk: UUID, token: str) -> Response:
        """For programs that know the address: the message is in the room when this is answered. One a second, five at once."""
        assert self.webhook is not None  # noqa: S101 - nobody gets here otherwise
        sent = incoming.post(webhook=self.webhook, **parsed(shapes.ChatIncomingMessageSerializer, request))
        return Response({"message": sent.message_id, "number": sent.number}, status=202)
