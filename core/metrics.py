"""Prometheus metrics, summed over the processes that share PROMETHEUS_MULTIPROC_DIR."""

import os
from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST


@cache
def limit_fallbacks() -> Counter:
    """Limit checks made by a process alone because Redis was away."""
    return Counter("atelier_limit_fallbacks", "Limit checks decided by one process alone because Redis was away.")


@cache
def requests_total() -> Counter:
    """Answered API requests."""
    return Counter("atelier_requests", "Answered API requests.", ["module", "status_class"])


@cache
def request_seconds() -> Counter:
    """Time spent answering API requests."""
    return Counter("atelier_request_seconds", "Seconds spent answering API requests.", ["module"])


def exposition() -> bytes:
    """The text of /metrics."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY)


@cache
def _series(module: str, status_class: str) -> tuple[Counter, Counter]:
    return requests_total().labels(module, status_class), request_seconds().labels(module)


def observe_request(module: str, status_code: int, seconds: float) -> None:
    """Count one answered request."""
    count, time_spent = _series(module, f"{status_code // 100}xx")
    count.inc()
    time_spent.inc(seconds)
