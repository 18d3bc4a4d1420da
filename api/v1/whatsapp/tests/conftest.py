"""What the tests of the WhatsApp endpoints share."""

from collections.abc import Callable
from typing import Any

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.whatsapp.tests.support import everything
from api_keys.tests.factories import make_key
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.tests.factories import connected

SCOPES = ("whatsapp:read", "whatsapp:send", "whatsapp:sessions")


@pytest.fixture
def session(user) -> WhatsAppSession:
    """The ordinary person's connected session for live keys."""
    return connected(user)


@pytest.fixture
def session_for_tests(user) -> WhatsAppSession:
    """The ordinary person's connected session for test keys."""
    return connected(user, environment="test")


@pytest.fixture
def as_test_key(api, user) -> Any:
    """Calling with a test key of the ordinary person."""
    return api.as_key(make_key(user, environment="test").raw)


@pytest.fixture
def closed(api, user, as_guest, as_bare_key) -> Callable[..., None]:
    """Call an operation as everybody who may not: each is refused for its own reason, and nothing at all is changed."""

    def check(method: str, path: str, body: Any = None, *, scope: str, **options: Any) -> None:
        def call(caller: Any) -> Any:
            return getattr(caller, method)(path, body, **options)

        other_scopes = make_key(user, scopes=[name for name in SCOPES if name != scope])
        before = everything()
        assert_anonymous(call(api))
        assert error(call(as_guest)) == (403, "account_required")
        assert_lacks_scope(call(as_bare_key), scope)
        assert_lacks_scope(call(api.as_key(other_scopes.raw)), scope)
        assert everything() == before

    return check
