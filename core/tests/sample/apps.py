"""What the sample module declares."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class SampleConfig(DomainAppConfig):
    default = True
    name = "core.tests.sample"
    label = "sample"
    urlconf = "core.tests.sample.urls"
    scopes: ClassVar[Mapping[str, str]] = {"samples:read": "Read samples", "samples:clean": "Remove samples"}
    admin_scopes: ClassVar[frozenset[str]] = frozenset({"samples:clean"})
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "sample.sweep": {"task": "core.tests.sample.sweep", "schedule": 60.0}
    }
