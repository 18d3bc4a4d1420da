"""How much waits in the queue, now and over time; and what is said when the broker is away."""

import time

import pytest

from core import broker
from core.redis import RedisAway, client
from core.tests.support import closed_port


@pytest.fixture
def queue(settings):
    broker._client.cache_clear()
    yield settings.CELERY_TASK_DEFAULT_QUEUE
    broker._client.cache_clear()


def test_waiting_and_unfinished_tasks_are_counted(queue):
    assert broker.depth() == (0, 0)
    broker._client().lpush(queue, "a", "b", "c")
    broker._client().hset(broker.UNFINISHED, "x", "y")
    try:
        assert broker.depth() == (3, 1)
    finally:
        broker._client().delete(queue, broker.UNFINISHED)


def test_a_sample_is_taken_at_most_once_a_minute(queue):
    before = time.time() - 1
    broker._client().lpush(queue, "a", "b")
    try:
        for _ in range(3):
            broker.sample()
        ((moment, waiting),) = broker.samples(before)
    finally:
        broker._client().delete(queue)
    assert waiting == 2
    assert abs(moment - time.time()) < 5


def test_samples_come_oldest_first_from_the_asked_moment_and_are_bounded(queue):
    now = int(time.time())
    for minute in range(10, 0, -1):
        client().lpush(broker.SAMPLES, f"{now - minute * 60}:{minute}")
    assert broker.samples(now - 3 * 60 - 5) == [(now - 180, 3), (now - 120, 2), (now - 60, 1)]
    client().delete(broker.SAMPLES)
    client().lpush(broker.SAMPLES, *["1:1"] * (broker.MAX_SAMPLES + 50))
    broker.sample()
    assert client().llen(broker.SAMPLES) == broker.MAX_SAMPLES


def test_a_broker_that_is_away_is_said_to_be(queue, settings):
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{closed_port()}/0"
    broker._client.cache_clear()
    with pytest.raises(RedisAway):
        broker.depth()
    with pytest.raises(RedisAway):
        broker.sample()
