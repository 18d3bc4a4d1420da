"""Routes of /api/v1/webhooks/."""

from typing import Any

from django.urls import path

from api.v1.webhooks.delivery_views import EndpointDeliveriesViewSet, WebhookDeliveryViewSet
from api.v1.webhooks.views import EventTypesView, WebhookActionsViewSet, WebhookViewSet

_DETAIL: Any = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}


def _action(name: str) -> Any:
    return WebhookActionsViewSet.as_view({"post": name})


urlpatterns = [
    path("webhooks/", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="webhook-list"),
    path("webhooks/event-types/", EventTypesView.as_view(), name="webhook-event-types"),
    path("webhooks/deliveries/<uuid:pk>/", WebhookDeliveryViewSet.as_view({"get": "retrieve"}), name="webhook-delivery-detail"),
    path(
        "webhooks/deliveries/<uuid:pk>/replay/",
        WebhookDeliveryViewSet.as_view({"post": "replay"}),
        name="webhook-delivery-replay",
    ),
    path("webhooks/<uuid:pk>/", WebhookViewSet.as_view(_DETAIL), name="webhook-detail"),
    path(
        "webhooks/<uuid:pk>/deliveries/", EndpointDeliveriesViewSet.as_view({"get": "list"}), name="webhook-endpoint-deliveries"
    ),
    path("webhooks/<uuid:pk>/rotate-secret/", _action("rotate_secret"), name="webhook-rotate-secret"),
    path("webhooks/<uuid:pk>/enable/", _action("enable"), name="webhook-enable"),
    path("webhooks/<uuid:pk>/disable/", _action("disable"), name="webhook-disable"),
    path("webhooks/<uuid:pk>/test/", _action("test"), name="webhook-test"),
    path("webhooks/<uuid:pk>/replay-failed/", _action("replay_failed"), name="webhook-replay-failed"),
]
