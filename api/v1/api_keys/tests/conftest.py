"""What the tests of key endpoints share."""

import pytest

from api_keys.tests.factories import make_key


@pytest.fixture
def as_reading_key(api, user):
    """Calling with a key that may read keys and no more."""
    return api.as_key(make_key(user, scopes=["api_keys:read"], name="reader").raw)
