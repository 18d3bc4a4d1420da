"""Deliveries of one's own webhook endpoints."""

from typing import Any, ClassVar

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.webhooks import serializers as shapes
from api.v1.webhooks.filters import WebhookDeliveryFilter
from api.views import GenericViewSet
from core.exceptions import NotFound
from core.pagination import KeysetPagination
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from webhooks import checks, services
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

MAX_ATTEMPTS = 50


@extend_schema_view(
    list=extend_schema(
        summary="List a webhook's deliveries", description="Newest first, by cursor, without bodies. Kept for 30 days."
    )
)
class EndpointDeliveriesViewSet(ListModelMixin, GenericViewSet):
    """The log of one endpoint."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = WebhookDelivery.objects.none()
    serializer_class = shapes.WebhookDeliverySerializer
    filterset_class = WebhookDeliveryFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": "webhooks:read"}

    def get_queryset(self) -> Any:
        """The endpoint's. Raises NotFound where it is not the caller's."""
        endpoint = WebhookEndpoint.objects.visible_to(user_id=self.principal.user_id).filter(pk=self.kwargs["pk"])
        if not endpoint.exists():
            raise NotFound
        return WebhookDelivery.objects.filter(endpoint_id=self.kwargs["pk"]).defer("body")


@extend_schema_view(
    retrieve=extend_schema(summary="Get a delivery", description="One delivery with its body and what its attempts met with.")
)
class WebhookDeliveryViewSet(RetrieveModelMixin, GenericViewSet):
    """Deliveries."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = WebhookDelivery.objects.none()
    serializer_class = shapes.WebhookDeliveryDetailSerializer
    filter_backends = ()
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": "webhooks:read", "*": "webhooks:write"}

    def get_queryset(self) -> Any:
        """Those of the caller's endpoints, with their last attempts."""
        newest = WebhookAttempt.objects.order_by("-number")[:MAX_ATTEMPTS]
        mine = WebhookDelivery.objects.visible_to(user_id=self.principal.user_id).select_related("endpoint")
        return mine.prefetch_related(Prefetch("attempt_log", queryset=newest, to_attr="newest_attempts"))

    def get_object(self) -> Any:
        """One of them. Raises PlatformNeedsSession."""
        delivery = super().get_object()
        checks.check_may_read(delivery.endpoint, granting=self.principal)
        return delivery

    @extend_schema(summary="Replay a delivery", request=None, responses={202: shapes.WebhookDeliverySerializer})
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Send a finished delivery again, with the same `webhook-id` and body, and the whole schedule of tries."""
        delivery = services.replay(delivery=self.get_object(), actor=self.actor)
        return Response(shapes.WebhookDeliverySerializer(delivery).data, status=202)
