"""The webhooks app: its scopes and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class WebhooksConfig(DomainAppConfig):
    default = True
    name = "webhooks"
    verbose_name = "Webhooks"
    scopes: ClassVar[Mapping[str, str]] = {
        "webhooks:read": "Read the own webhook endpoints and their deliveries",
        "webhooks:write": "Create, change and delete webhook endpoints; replay deliveries",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {}
