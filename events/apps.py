"""The events app: its scope and periodic tasks."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate  # noqa: TID251  (no model's signal: the end of `migrate` and `flush`)

from core.apps import DomainAppConfig


class EventsConfig(DomainAppConfig):
    default = True
    name = "events"
    verbose_name = "Events"
    urlconf = "api.v1.events.urls"
    scopes: ClassVar[Mapping[str, str]] = {
        "events:read": "Follow the streams of events that the owner may follow",
    }
    loops: ClassVar[tuple[str, ...]] = ("events.relay.Relay",)
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "events.keep-partitions": {"task": "events.tasks.keep_partitions", "schedule": 3600.0},
    }

    def ready(self) -> None:
        """Make the log fit for use after `migrate` and `flush`."""
        post_migrate.connect(_prepare_log, sender=self)


def _prepare_log(using: str, **_: Any) -> None:
    """An epoch, which `flush` takes away, and the coming days' partitions, which a restored dump may lack."""
    from events import partitions
    from events.models import LogState

    if using == DEFAULT_DB_ALIAS and LogState._meta.db_table in connections[using].introspection.table_names():
        LogState.objects.get_or_create(id=1, defaults={"epoch": secrets.token_hex(4)})
        partitions.keep()
