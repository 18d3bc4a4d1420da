"""The users app: its scopes and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class UsersConfig(DomainAppConfig):
    default = True
    name = "users"
    verbose_name = "Accounts"
    urlconf = "api.v1.users.urls"
    stream_kinds: ClassVar[tuple[str, ...]] = ("users.streams.USER",)
    scopes: ClassVar[Mapping[str, str]] = {
        "account:read": "Read the own account and profile",
        "account:write": "Change the own profile",
        "users:read": "Read every account (administrators)",
        "users:write": "Create, change and deactivate accounts (administrators)",
    }
    admin_scopes: ClassVar[frozenset[str]] = frozenset({"users:read", "users:write"})
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "users.sweep-mails": {"task": "users.tasks.sweep_mails", "schedule": 30.0},
        "users.purge": {"task": "users.tasks.purge", "schedule": 3600.0},
    }
