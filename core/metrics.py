"""Prometheus metrics, summed over the processes that share PROMETHEUS_MULTIPROC_DIR."""

import os
import threading
import time
from collections import Counter as Counts
from collections import defaultdict, deque

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core.once import once

CONTENT_TYPE = CONTENT_TYPE_LATEST

MAX_PENDING = 100_000


@once
def limit_fallbacks() -> Counter:
    """Limit checks made by a process alone because Redis was away."""
    return Counter("atelier_limit_fallbacks", "Limit checks decided by one process alone because Redis was away.")


@once
def requests_total() -> Counter:
    """Answered API requests."""
    return Counter("atelier_requests", "Answered API requests.", ["module", "status_class"])


@once
def request_seconds() -> Counter:
    """Time spent answering API requests."""
    return Counter("atelier_request_seconds", "Seconds spent answering API requests.", ["module"])


def exposition() -> bytes:
    """The text of /metrics."""
    _pending.flush()
    # There before the first one, so that an alert can see it rise from 0.
    limit_fallbacks()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY)


class _Pending:
    """Requests since the last flush; beyond MAX_PENDING the oldest are forgotten.

    A Prometheus counter is a memory map behind a lock, too dear for each request; appending to a deque needs no lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[tuple[str, int, float]] = deque(maxlen=MAX_PENDING)
        self._pid = 0

    def add(self, module: str, status_class: int, seconds: float) -> None:
        if self._pid != os.getpid():
            self._adopt()
        self._seen.append((module, status_class, seconds))

    def flush(self) -> None:
        counts: Counts[tuple[str, int]] = Counts()
        spent: defaultdict[str, float] = defaultdict(float)
        with self._lock:
            while self._seen:
                module, status_class, seconds = self._seen.popleft()
                counts[module, status_class] += 1
                spent[module] += seconds
            for (module, status_class), count in counts.items():
                requests_total().labels(module, f"{status_class}xx").inc(count)
            for module, seconds in spent.items():
                request_seconds().labels(module).inc(seconds)

    def _adopt(self) -> None:
        """First request in this process, or in a forked child, to which the parent's do not belong."""
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._seen.clear()
                threading.Thread(target=self._flush_forever, name="metrics-flush", daemon=True).start()

    def _flush_forever(self) -> None:
        while True:
            time.sleep(1.0)
            self.flush()


_pending = _Pending()


def observe_request(module: str, status_code: int, seconds: float) -> None:
    """Count one answered request; /metrics shows it a second later at most."""
    _pending.add(module, status_code // 100, seconds)
