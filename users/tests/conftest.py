"""Each test begins outside any request: the context of the last one must not leak into the next."""

import pytest

from users.models import User
from users.tests.factories import make_user
from users.tests.support import HERE, no_request, request_from


@pytest.fixture(autouse=True)
def _outside_any_request():
    no_request()
    yield
    no_request()


@pytest.fixture
def in_a_request() -> None:
    """From an address that is not known yet."""
    request_from(HERE, user_agent="Browser/1")


@pytest.fixture
def person(db: None) -> User:
    """Somebody with an address."""
    return make_user(username="owner", email="owner@example.com")
