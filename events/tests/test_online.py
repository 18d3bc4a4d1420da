"""Who follows a stream: from the first process of a person to the last."""

from uuid import UUID, uuid4

import pytest

from core.redis import RedisAway
from core.tests.support import lost_redis
from events import online

STREAM = f"room:{uuid4()}"
ADA, GRACE = str(uuid4()), str(uuid4())


def test_somebody_is_there_from_the_first_process_to_the_last() -> None:
    assert online.enter(STREAM, ADA, "one") is True
    assert online.enter(STREAM, ADA, "one") is False
    assert online.enter(STREAM, ADA, "two") is False
    assert online.online(STREAM) == (1, [UUID(ADA)])
    assert online.leave(STREAM, ADA, "one") is False
    assert online.leave(STREAM, ADA, "one") is False
    assert online.leave(STREAM, ADA, "two") is True
    assert online.online(STREAM) == (0, [])


def test_each_person_counts_once() -> None:
    for user in (ADA, GRACE):
        for process in ("one", "two"):
            online.enter(STREAM, user, process)
    assert online.online(STREAM) == (2, sorted([UUID(ADA), UUID(GRACE)]))


def test_what_a_dead_process_left_expires_and_is_swept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    online.enter(STREAM, ADA, "dead")
    online.enter(STREAM, GRACE, "dead")
    now = online.time.time()
    with monkeypatch.context() as patch:
        patch.setattr(online.time, "time", lambda: now + online.LIFE_SECONDS - 1)
        # Grace is somewhere else too.
        online.enter(STREAM, GRACE, "alive")
        patch.setattr(online.time, "time", lambda: now + online.LIFE_SECONDS + 1)
        assert online.sweep(STREAM) == [ADA]
        assert online.sweep(STREAM) == []
    assert online.online(STREAM) == (1, [UUID(GRACE)])
    # It comes back to life and says that it leaves: nobody is gone twice.
    assert online.leave(STREAM, ADA, "dead") is False


def test_with_redis_away_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = lost_redis()
    monkeypatch.setattr("core.redis.client", lambda: lost)
    with pytest.raises(RedisAway):
        online.enter(STREAM, ADA, "one")
