"""Each test begins outside any request: the context of the last one must not leak into the next."""

import pytest

from api_keys.tests.factories import make_key
from users.tests.factories import make_guest
from users.tests.support import no_request


@pytest.fixture(autouse=True)
def _outside_any_request():
    no_request()
    yield
    no_request()


@pytest.fixture
def everybody(user, admin):
    """An ordinary person, an administrator and a guest."""
    return user, admin, make_guest(username="visitor")


@pytest.fixture
def admin_key(api, admin):
    """A caller with an administrator's key for accounts."""
    return api.as_key(make_key(admin, scopes=["users:read", "users:write"]).raw)
