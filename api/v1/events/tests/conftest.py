"""What the tests of event endpoints share."""

import pytest

from api_keys.tests.factories import make_key


@pytest.fixture
def as_reading_key(api, user):
    """Calling with a key of the ordinary person that may follow events and no more."""
    return api.as_key(make_key(user, scopes=["events:read"], name="reader").raw)
