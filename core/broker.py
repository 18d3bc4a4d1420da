"""How much waits in the task queue: now, and over the last week in samples taken by the worker's heartbeat."""

import time
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.once import once
from core.redis import RedisAway, breaker

SAMPLES = "atelier:queue:depth"
SAMPLE_SECONDS = 60
MAX_SAMPLES = 7 * 24 * 60
# Where kombu's Redis transport keeps what a worker took and has not finished.
UNFINISHED = "unacked"


@once
def _client() -> "Redis":
    timeout = settings.REDIS_TIMEOUT_SECONDS
    return Redis.from_url(
        settings.CELERY_BROKER_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


def depth() -> tuple[int, int]:
    """Tasks waiting, and tasks taken but not finished. Raises RedisAway."""
    try:
        return int(_client().llen(settings.CELERY_TASK_DEFAULT_QUEUE)), int(_client().hlen(UNFINISHED))
    except (RedisError, OSError) as error:
        raise RedisAway from error


def sample() -> None:
    """Note the number of waiting tasks, at most once a minute. Raises RedisAway."""
    waiting, _ = depth()
    now = int(time.time())

    def note(redis: "Redis") -> None:
        if redis.set(f"{SAMPLES}:taken", "1", nx=True, ex=SAMPLE_SECONDS - 5):
            pipeline = redis.pipeline(transaction=False)
            pipeline.lpush(SAMPLES, f"{now}:{waiting}")
            pipeline.ltrim(SAMPLES, 0, MAX_SAMPLES - 1)
            pipeline.execute()

    breaker().call(note)


def samples(since: float) -> list[tuple[int, int]]:
    """(time, tasks waiting), oldest first, from a moment on. Raises RedisAway."""
    wanted = min(MAX_SAMPLES, int((time.time() - since) / (SAMPLE_SECONDS - 5)) + 2)
    raw: list[Any] = breaker().call(lambda redis: redis.lrange(SAMPLES, 0, wanted - 1))
    found = [(int(moment), int(count)) for moment, _, count in (entry.decode().partition(":") for entry in raw)]
    return [entry for entry in reversed(found) if entry[0] >= since]
