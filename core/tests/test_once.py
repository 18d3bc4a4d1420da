"""One object a process, whoever asks first."""

import threading
import time

import pytest
from prometheus_client import CollectorRegistry, Counter

from core import metrics
from core.once import once

THREADS = 16


def ask_together(ask: object) -> list[object]:
    """What threads get that ask at the same moment; raises what the first of them raised."""
    together, got, errors = threading.Barrier(THREADS), list[object](), list[BaseException]()

    def run() -> None:
        together.wait()
        try:
            got.append(ask())  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return got


def test_threads_that_ask_together_get_the_same_object() -> None:
    made = []

    @once
    def thing() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    assert set(ask_together(thing)) == set(made)
    assert len(made) == 1


def test_a_failure_is_not_kept() -> None:
    answers = iter((ValueError("not yet"), "there"))

    @once
    def thing() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="not yet"):
        thing()
    assert thing() == "there"


def test_the_first_outage_of_redis_counts_in_all_threads_that_notice_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two counters of one name were refused by the registry, and the request that made the second was answered 500."""
    known, registry = metrics.limit_fallbacks(), CollectorRegistry()

    def slow(name: str, text: str) -> Counter:
        time.sleep(0.05)
        return Counter(name, text, registry=registry)

    monkeypatch.setattr(metrics, "Counter", slow)
    metrics.limit_fallbacks.cache_clear()
    try:
        assert len(set(ask_together(metrics.limit_fallbacks))) == 1
    finally:
        monkeypatch.setattr(metrics, "Counter", lambda *_: known)
        metrics.limit_fallbacks.cache_clear()
        metrics.limit_fallbacks()
