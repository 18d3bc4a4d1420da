"""The events app: its scope and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class EventsConfig(DomainAppConfig):
    default = True
    name = "events"
    verbose_name = "Events"
    urlconf = "api.v1.events.urls"
    scopes: ClassVar[Mapping[str, str]] = {
        "events:read": "Follow the streams of events that the owner may follow",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "events.keep-partitions": {"task": "events.tasks.keep_partitions", "schedule": 3600.0},
    }
