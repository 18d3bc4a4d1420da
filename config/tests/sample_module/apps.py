"""What the module declares."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class EchoesConfig(DomainAppConfig):
    default = True
    name = "config.tests.sample_module"
    label = "echoes"
    verbose_name = "Echoes"
    urlconf = "config.tests.sample_module.urls"
    scopes: ClassVar[Mapping[str, str]] = {"echoes:read": "Hear echoes"}
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "echoes.call": {"task": "config.tests.sample_module.tasks.call", "schedule": 1.0}
    }
