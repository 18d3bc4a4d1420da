"""Webhooks in the admin: everybody's endpoints and deliveries, and a chart of what became of them. Secrets are never shown."""

from webhooks.admin import chart, state
from webhooks.admin.deliveries import WebhookDeliveryAdmin
from webhooks.admin.endpoints import WebhookEndpointAdmin

__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin", "chart", "state"]
