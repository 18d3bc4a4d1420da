"""Short words for answers of webhook endpoints."""

from typing import Any

from webhooks.models import WebhookEndpoint

LIST = "/api/v1/webhooks/"
URL = "https://hooks.example.com/in"


def detail(made: Any, action: str = "") -> str:
    """The path of an endpoint, or of something of it."""
    return f"{LIST}{made.endpoint.pk}/{action}"


def of_delivery(delivery: Any, action: str = "") -> str:
    """The path of a delivery, or of something of it."""
    return f"{LIST}deliveries/{delivery.pk}/{action}"


def snapshot(made: Any) -> dict[str, Any]:
    """Everything stored of an endpoint."""
    found = WebhookEndpoint.objects.values().get(pk=made.endpoint.pk)
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in found.items()}
