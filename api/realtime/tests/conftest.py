"""One realtime process for all tests here, a person with a token and a key, and their stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.realtime.tests.process import RealtimeProcess
from api_keys.services import NewKey
from api_keys.tests.factories import make_key
from events import selectors
from events.selectors import Head
from users.models import User
from users.services import sessions
from users.tests.factories import make_user

SOCKETS_PER_USER = 5


@pytest.fixture(scope="session")
def _process(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealtimeProcess]:
    with django_db_blocker.unblock():
        process = RealtimeProcess(tmp_path_factory.mktemp("realtime") / "log", SOCKETS_PER_USER=str(SOCKETS_PER_USER))
    yield process.wait_ready()
    process.stop()


@pytest.fixture
def realtime(_process: RealtimeProcess, transactional_db: None) -> Iterator[RealtimeProcess]:
    """The process; a test during which it logs an error has failed."""
    before = len(_process.log())
    yield _process
    said = _process.log()[before:]
    assert "Traceback" not in said, said


@dataclass(frozen=True)
class Person:
    """An account with what it may show to the socket."""

    user: User
    token: str
    session: Any
    key: NewKey
    stream: str

    def head(self) -> Head:
        """Where the person's stream stands; signing in and new keys are told there too."""
        return selectors.head(self.stream)


def make_person(**fields: Any) -> Person:
    """A new person."""
    user = make_user(**fields)
    opened = sessions.open_session(user=user)
    return Person(user, opened.tokens.access, opened.session, make_key(user), f"user:{user.pk}")


@pytest.fixture
def person(transactional_db: None) -> Person:
    """Who connects."""
    return make_person()


@pytest.fixture
def outsider(transactional_db: None) -> Person:
    """Somebody else."""
    return make_person()
