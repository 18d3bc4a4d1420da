"""Made-up traffic for the request-log benchmark: people, keys, routes, and lines as the web processes write them.

A few hundred people of very unequal activity, three credentials each (a session and two keys), forty routes of unequal popularity
with log-normal latencies of their own, a tenth of the requests anonymous. The same seed makes the same traffic.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from core.request_log import SpoolWriter, format_line

USERS = 300
RARE_ENDPOINT = "/api/v1/reports/{id}/rebuild/"
_RESOURCES = ("users", "api-keys", "projects", "tasks", "clients", "time-entries", "rooms", "messages", "posts", "images")
_BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API and how it behaves."""

    method: str
    endpoint: str
    module: str
    success: int
    # Of the logarithm of the latency in microseconds.
    mu: float
    sigma: float


def routes() -> list[Route]:
    """Forty common operations and a rare one, the most popular first."""
    found = []
    for number, name in enumerate(_RESOURCES):
        speed = 7.0 + 0.25 * number
        found += [
            Route("GET", f"/api/v1/{name}/", name, 200, speed + 0.6, 0.5),
            Route("GET", f"/api/v1/{name}/{{id}}/", name, 200, speed, 0.4),
            Route("POST", f"/api/v1/{name}/", name, 201, speed + 1.2, 0.6),
            Route("PATCH", f"/api/v1/{name}/{{id}}/", name, 200, speed + 1.0, 0.6),
        ]
    return [*found, Route("POST", RARE_ENDPOINT, "reports", 202, 11.0, 0.8)]


class Traffic:
    """Lines of requests by the same people to the same routes."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311 - made-up traffic
        self.users = [self._uuid4() for _ in range(USERS)]
        callers: list[tuple[str | None, str | None]] = [(None, None)]
        weights = [0.1]
        share = [1 / (rank + 3) for rank in range(USERS)]
        for user, weight in zip(self.users, share, strict=True):
            keys = [None, *(self._uuid4() for _ in range(2))]
            callers += [(user, key) for key in keys]
            weights += [0.9 * weight / sum(share) * part for part in (0.2, 0.5, 0.3)]
        self._callers, self._caller_weights = callers, list(itertools.accumulate(weights))
        self._routes = routes()
        popularity = [1 / (rank + 2) for rank in range(len(self._routes) - 1)]
        self._route_weights = list(itertools.accumulate([*popularity, 1e-6 * sum(popularity)]))
        self._statuses = (0, 400, 401, 404, 429, 500)
        self._status_weights = list(itertools.accumulate([0.94, 0.02, 0.01, 0.02, 0.005, 0.005]))
        self._addresses = [f"203.0.{n // 250}.{n % 250 + 1}" for n in range(1000)]

    def lines(self, count: int, start: datetime, span: timedelta) -> Iterator[bytes]:
        """`count` lines, evenly over `span` from `start` on."""
        first, step = int(start.timestamp() * 1_000_000), span.total_seconds() * 1_000_000 / count
        draw = self.random
        for done in range(0, count, _BLOCK):
            size = min(_BLOCK, count - done)
            callers = draw.choices(self._callers, cum_weights=self._caller_weights, k=size)
            called = draw.choices(self._routes, cum_weights=self._route_weights, k=size)
            statuses = draw.choices(self._statuses, cum_weights=self._status_weights, k=size)
            addresses = draw.choices(self._addresses, k=size)
            for at, (user, key), route, status, address in zip(
                range(done, done + size), callers, called, statuses, addresses, strict=True
            ):
                timestamp_us = first + int(at * step)
                record_id = self._uuid7(timestamp_us)
                yield format_line(
                    record_id=record_id,
                    timestamp_us=timestamp_us,
                    method=route.method,
                    endpoint=route.endpoint,
                    status_code=status or route.success,
                    duration_us=int(draw.lognormvariate(route.mu, route.sigma)),
                    bytes_in=0 if route.method == "GET" else 300,
                    bytes_out=200 + at % 4000,
                    ip_address=address,
                    user_id=user,
                    api_key_id=key,
                    request_id=record_id,
                    module=route.module,
                )

    def spool(self, directory: Path, count: int, start: datetime, span: timedelta) -> None:
        """Write such lines into spool files, as a web process does that then ends."""
        writer = SpoolWriter(directory, segment_bytes=16 << 20, max_bytes=1 << 40)
        for line in self.lines(count, start, span):
            writer.write(line)
        writer.close()
        writer.sync()

    def _uuid4(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def _uuid7(self, timestamp_us: int) -> str:
        noise = self.random.getrandbits(74)
        return str(UUID(int=(timestamp_us // 1000) << 80 | 0x7 << 76 | (noise >> 62) << 64 | 0x2 << 62 | noise & (1 << 62) - 1))
