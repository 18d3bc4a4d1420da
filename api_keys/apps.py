"""The api_keys app: its scopes and periodic tasks, and what it folds from loaded request-log rows."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig
from core.request_log import on_loaded


class APIKeysConfig(DomainAppConfig):
    default = True
    name = "api_keys"
    verbose_name = "API keys"
    urlconf = "api.v1.api_keys.urls"
    scopes: ClassVar[Mapping[str, str]] = {
        "api_keys:read": "List and read the own keys and their usage",
        "api_keys:write": "Create, change, rotate and revoke the own keys; never with scopes or an environment this key lacks",
    }

    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "api_keys.tell-expiring": {"task": "api_keys.tasks.tell_expiring", "schedule": 900.0},
    }

    def ready(self) -> None:
        """Take part in the loading of the request log."""
        from api_keys.last_use import fold_last_use

        on_loaded(fold_last_use)
