"""The running product, shared by all tests that need real processes: one worker of a parallel run has them all."""

from collections.abc import Iterator

import pytest

from config.tests.live import LiveProduct


@pytest.fixture(scope="session")
def live() -> Iterator[LiveProduct]:
    """The product with two server processes and no limits but those a test sets itself."""
    with LiveProduct() as product:
        yield product
