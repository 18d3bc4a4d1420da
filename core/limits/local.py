"""The same sliding window inside one process, for as long as Redis is away."""

import time
from collections.abc import Callable

from core.limits.policy import Policy


class LocalWindow:
    """Units used per bucket, for one policy and key. Not thread-safe: the limiter holds its lock around it."""

    def __init__(self, policy: Policy, clock: Callable[[], float] = time.time) -> None:
        self._policy = policy
        self._clock = clock
        self._used: dict[int, int] = {}

    def take(self) -> tuple[bool, int, float]:
        """(admitted, remaining, seconds until the oldest bucket leaves)."""
        policy, now = self._policy, self._clock() * 1000
        width, window = policy.bucket_ms, policy.window * 1000
        current = int(now // width)
        for bucket in [b for b in self._used if (b < current if policy.fixed else (b + 1) * width + window <= now)]:
            del self._used[bucket]
        used = sum(self._used.values())
        admitted = used < policy.quota
        if admitted:
            self._used[current] = self._used.get(current, 0) + 1
            used += 1
        reset = (current + 1) * width - now if policy.fixed else (min(self._used, default=current) + 1) * width + window - now
        return admitted, max(0, policy.quota - used), reset / 1000
