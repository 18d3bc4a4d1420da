"""What the tests of the log share."""

import pytest

from core.redis import breaker
from events.tests.support import BELL


@pytest.fixture(autouse=True)
def _a_bell_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.announcing.BELL", BELL)
    monkeypatch.setattr("events.relay.BELL", BELL)


@pytest.fixture(autouse=True)
def _redis_is_there() -> None:
    breaker()._away_until = 0.0
