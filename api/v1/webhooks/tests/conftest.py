"""What the tests of webhook endpoints share."""

import pytest

from api_keys.tests.factories import make_key
from webhooks.tests.conftest import receiver, sender
from webhooks.tests.factories import make_endpoint

__all__ = ["receiver", "sender"]


@pytest.fixture
def made(user):
    """An endpoint of the ordinary person, with its secret."""
    return make_endpoint(user)


@pytest.fixture
def as_reading_key(api, user):
    """Calling with a key that may read webhooks and no more."""
    return api.as_key(make_key(user, scopes=["webhooks:read"]).raw)
