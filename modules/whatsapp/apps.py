"""The WhatsApp module: its scopes, loops and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class WhatsAppConfig(DomainAppConfig):
    default = True
    name = "modules.whatsapp"
    verbose_name = "WhatsApp"
    urlconf = "api.v1.whatsapp.urls"
    tour = "api.v1.whatsapp.tour.walk"
    loops: ClassVar[tuple[str, ...]] = (
        "modules.whatsapp.sending.MessageSender",
        "modules.whatsapp.keeping.SessionKeeper",
        "modules.whatsapp.inbox.Inbox",
        "modules.whatsapp.fetching.FileFetcher",
    )
    scopes: ClassVar[Mapping[str, str]] = {
        "whatsapp:read": "Read the own WhatsApp session, messages, contacts and files",
        "whatsapp:send": "Send WhatsApp messages, check numbers, and keep the list of who opted out",
        "whatsapp:sessions": "Connect and disconnect the own WhatsApp session",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "whatsapp.sweep": {"task": "modules.whatsapp.tasks.sweep", "schedule": 60.0},
        "whatsapp.purge": {"task": "modules.whatsapp.tasks.purge", "schedule": 3600.0},
    }
