"""The analytics app: its scopes and periodic tasks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.apps import DomainAppConfig


class AnalyticsConfig(DomainAppConfig):
    default = True
    name = "analytics"
    verbose_name = "Requests and usage"
    urlconf = "api.v1.analytics.urls"
    scopes: ClassVar[Mapping[str, str]] = {
        "usage:read": "Read the own usage statistics, summaries and time series",
        "logs:read": "Read and export the own request log",
    }
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "analytics.keep-partitions": {"task": "analytics.tasks.keep_partitions", "schedule": 3600.0},
        "analytics.purge-rollups": {"task": "analytics.tasks.purge_rollups", "schedule": 3600.0},
    }
