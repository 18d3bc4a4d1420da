"""What the tests of webhooks share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from webhooks.sending import Sender
from webhooks.tests.receiver import Behaviour, Receiver, receiving


@pytest.fixture
def receiver(settings) -> Iterator[Callable[..., Receiver]]:
    """Start receivers on loopback that may be called."""
    with ExitStack() as stack:

        def start(*plan: Behaviour) -> Receiver:
            made = stack.enter_context(receiving(*plan))
            settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {made.place}
            return made

        yield start


@pytest.fixture
def sender() -> Iterator[Sender]:
    """A sender whose steps the test takes itself."""
    made = Sender()
    yield made
    made.finish()
