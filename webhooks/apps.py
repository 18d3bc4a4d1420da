"""The webhooks app: its scopes, periodic tasks, and its place behind the event log."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class WebhooksConfig(DomainAppConfig):
    default = True
    name = "webhooks"
    verbose_name = "Webhooks"
    urlconf = "api.v1.webhooks.urls"
    event_consumers: ClassVar[tuple[str, ...]] = ("webhooks.fanout.consume",)
    loops: ClassVar[tuple[str, ...]] = ("webhooks.sending.Sender",)
    scopes: ClassVar[Mapping[str, str]] = {
        "webhooks:read": "Read the own webhook endpoints and their deliveries",
        "webhooks:write": "Create, change and delete webhook endpoints; replay deliveries",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "webhooks.purge": {"task": "webhooks.tasks.purge", "schedule": 3600.0},
        "webhooks.sweep": {"task": "webhooks.tasks.sweep", "schedule": 300.0},
    }
