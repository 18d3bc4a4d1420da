"""Webhook endpoints: one's own. Administrators see everybody's in the admin."""

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.webhooks import serializers as shapes
from api.v1.webhooks.filters import WebhookFilter
from api.views import APIView, GenericViewSet
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from events import catalogue
from webhooks import services
from webhooks.models import WebhookEndpoint

SCOPES = {"GET": "webhooks:read", "*": "webhooks:write"}


@extend_schema_view(
    list=extend_schema(summary="List webhooks", description="The own endpoints, also those that are switched off."),
    retrieve=extend_schema(summary="Get a webhook", description="One endpoint, without its secret."),
)
class WebhookViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Webhook endpoints."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = WebhookEndpoint.objects.none()
    serializer_class = shapes.WebhookSerializer
    filterset_class = WebhookFilter
    search_fields = ("url", "description")
    ordering_fields = ("created_at", "url")
    ordering = ("-created_at", "-id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = SCOPES

    def get_queryset(self) -> Any:
        """The caller's own."""
        return WebhookEndpoint.objects.visible_to(user_id=self.principal.user_id)

    @extend_schema(
        summary="Create a webhook",
        request=shapes.WebhookCreateSerializer,
        responses={201: shapes.WebhookWithSecretSerializer},
    )
    def create(self, request: Request) -> Response:
        """Have events sent to a URL, signed as Standard Webhooks 1.0 says. The secret is in this answer and nowhere else.

        Answer 2xx within 15 seconds; everything else is tried again for three days. Drop what has a `webhook-id` you know: an
        event may come twice, and not in order.
        """
        serializer = shapes.WebhookCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = services.create_endpoint(owner=self.actor, actor=self.actor, granting=self.principal, **serializer.validated_data)
        return _with_secret(made, status=201, location=f"{request.path}{made.endpoint.pk}/")

    @extend_schema(
        summary="Change a webhook", request=shapes.WebhookUpdateSerializer(partial=True), responses=shapes.WebhookSerializer
    )
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Set some fields. What is waiting goes to the new URL."""
        endpoint = self.get_object()
        serializer = shapes.WebhookUpdateSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        endpoint = services.update_endpoint(
            endpoint=endpoint, actor=self.actor, granting=self.principal, **serializer.validated_data
        )
        return Response(shapes.WebhookSerializer(endpoint).data)

    @extend_schema(summary="Delete a webhook", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove the endpoint with its deliveries. To keep the log, switch it off instead."""
        services.delete_endpoint(endpoint=self.get_object(), actor=self.actor)
        return Response(status=204)


class WebhookActionsViewSet(GenericViewSet):
    """What can be done with an endpoint besides changing it."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = WebhookEndpoint.objects.none()
    serializer_class = shapes.WebhookSerializer
    lookup_value_converter = "uuid"
    filter_backends = ()
    scopes: ClassVar[dict[str, str]] = {"*": "webhooks:write"}

    def get_queryset(self) -> Any:
        """The caller's own."""
        return WebhookEndpoint.objects.visible_to(user_id=self.principal.user_id)

    @extend_schema(
        summary="Rotate a webhook's secret",
        request=shapes.RotateSecretSerializer,
        responses=shapes.WebhookWithSecretSerializer,
    )
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        """Take a new secret, shown in this answer only. For the chosen grace deliveries carry a signature of each."""
        endpoint = self.get_object()
        serializer = shapes.RotateSecretSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        grace = timedelta(seconds=data.pop("grace_seconds"))
        made = services.rotate_secret(endpoint=endpoint, actor=self.actor, grace=grace, granting=self.principal, **data)
        return _with_secret(made)

    @extend_schema(summary="Enable a webhook", request=None, responses=shapes.WebhookSerializer)
    def enable(self, request: Request, **kwargs: Any) -> Response:
        """Switch the endpoint on again. What was cancelled meanwhile can be replayed."""
        endpoint = services.enable_endpoint(endpoint=self.get_object(), actor=self.actor)
        return Response(shapes.WebhookSerializer(endpoint).data)

    @extend_schema(summary="Disable a webhook", request=None, responses=shapes.WebhookSerializer)
    def disable(self, request: Request, **kwargs: Any) -> Response:
        """Switch the endpoint off and cancel what is waiting. Events of the time until it is enabled are not queued for it."""
        endpoint = services.disable_endpoint(endpoint=self.get_object(), actor=self.actor)
        return Response(shapes.WebhookSerializer(endpoint).data)

    @extend_schema(summary="Test a webhook", request=None, responses={202: shapes.WebhookDeliverySerializer})
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Queue a delivery of type `webhook.test`. It is tried once; look at the delivery for what became of it."""
        delivery = services.send_test(endpoint=self.get_object(), actor=self.actor)
        location = f"/api/v1/webhooks/deliveries/{delivery.pk}/"
        return Response(shapes.WebhookDeliverySerializer(delivery).data, status=202, headers={"Location": location})

    @extend_schema(
        summary="Replay a webhook's failures",
        request=shapes.ReplayFailedSerializer,
        responses={202: shapes.ReplayedSerializer},
    )
    def replay_failed(self, request: Request, **kwargs: Any) -> Response:
        """Queue again what failed or was cancelled since a moment, the oldest first, at most 10,000; ask again for more."""
        endpoint = self.get_object()
        serializer = shapes.ReplayFailedSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        count = services.replay_failed(endpoint=endpoint, since=serializer.validated_data["since"], actor=self.actor)
        return Response({"replayed": count}, status=202)


class EventTypesView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "webhooks:read"}

    @extend_schema(summary="List the event types", responses=shapes.WebhookEventTypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every type of event of this installation, with the schema of its `data` and an example."""
        return Response(
            [
                {
                    "name": kind.name,
                    "description": kind.description,
                    "streams": kind.streams,
                    "schema": kind.schema(),
                    "example": kind.example(),
                }
                for kind in catalogue.event_types()
            ]
        )


def _with_secret(made: services.WithSecret, *, status: int = 200, location: str = "") -> Response:
    data = {**shapes.WebhookSerializer(made.endpoint).data, "secret": made.secret}
    headers = {"Cache-Control": "no-store"} | ({"Location": location} if location else {})
    return Response(data, status=status, headers=headers)
