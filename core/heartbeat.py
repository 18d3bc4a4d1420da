"""The worker's sign of life: a time in Redis, written by a task that travelled through beat, broker and worker."""

import time

from core.redis import breaker

KEY = "atelier:worker:heartbeat"
FRESH_SECONDS = 45


def beat() -> None:
    """Write the sign. Raises RedisAway."""
    breaker().call(lambda redis: redis.set(KEY, f"{time.time():.3f}", ex=3600))


def age() -> float | None:
    """Seconds since the last sign, None when there is none. Raises RedisAway."""
    value = breaker().call(lambda redis: redis.get(KEY))
    return max(0.0, time.time() - float(value)) if isinstance(value, bytes) else None
