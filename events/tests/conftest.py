"""What the tests of the log share."""

import threading

import pytest
from django.db import connection

from core.redis import breaker
from events import announcing, relay
from events.relay import Relay
from events.tests.support import BELL, TAKEN, taken_rows


@pytest.fixture(autouse=True)
def _a_bell_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing.BELL, "channel", BELL)
    # Nor is it taken for rung by the test before.
    monkeypatch.setattr(announcing.BELL, "_rung_at", 0.0)


@pytest.fixture(autouse=True)
def _redis_is_there() -> None:
    breaker()._away_until = 0.0


@pytest.fixture
def taken(db):
    """A table that stands for a consumer's rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TAKEN} (event_id uuid, stream text, seq bigint, backend int DEFAULT pg_backend_pid())")
    yield taken_rows
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TAKEN}")


@pytest.fixture
def consume(monkeypatch):
    """Choose the consumers."""
    return lambda *consumers: monkeypatch.setattr(relay, "consumers", lambda: consumers)


@pytest.fixture
def running():
    """Start relays in threads; they are stopped at the end."""
    started = []

    def start():
        one = Relay()
        thread = threading.Thread(target=lambda: (one.run(), connection.close()), daemon=True)
        thread.start()
        started.append((one, thread))
        return one, thread

    yield start
    for one, thread in started:
        one.stop()
        thread.join(10)
        assert not thread.is_alive()
