"""Each test begins outside any request: the context of the last one must not leak into the next."""

import pytest

from users.tests.support import no_request


@pytest.fixture(autouse=True)
def _outside_any_request():
    no_request()
    yield
    no_request()
