"""The chat module: its scopes, streams, commands and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class ChatConfig(DomainAppConfig):
    default = True
    name = "modules.chat"
    verbose_name = "Chat"
    urlconf = "api.v1.chat.urls"
    tour = "api.v1.chat.tour.walk"
    demo = "api.v1.chat.demo.make"
    stream_kinds: ClassVar[tuple[str, ...]] = ("modules.chat.streams.ROOM",)
    event_consumers: ClassVar[tuple[str, ...]] = ("modules.chat.services.guests.consume",)
    account_ends: ClassVar[tuple[str, ...]] = ("modules.chat.services.departures.leave_everything",)
    loops: ClassVar[tuple[str, ...]] = ("modules.chat.previewing.LinkPreviewer",)
    socket_commands: ClassVar[Mapping[str, str]] = {
        "message.send": "api.v1.chat.commands.send",
        "typing": "api.v1.chat.commands.typing",
        "read": "api.v1.chat.commands.read",
    }
    scopes: ClassVar[Mapping[str, str]] = {
        "chat:read": "Read the rooms one is in, their messages, members and files",
        "chat:write": "Write, react, read on, join and leave rooms",
        "chat:manage": "Make rooms and look after them: members, links, bans, webhooks",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "chat.purge": {"task": "modules.chat.tasks.purge", "schedule": 900.0},
        "chat.sweep-files": {"task": "modules.chat.tasks.sweep_files", "schedule": 86_400.0},
    }
