"""Fixtures for every test: clean process state, people, and clients that call as they do."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from analytics.shipping import Shipper
from api_keys.services import NewKey
from api_keys.tests.factories import make_key
from core import context
from core.limits import limiter
from core.principal_listener import ensure_listening, stop_listening, wait_until_listening
from core.principals import principal_cache
from core.redis import client as redis_client
from core.request_log import spool
from users.models import User
from users.services import sessions
from users.tests.factories import make_guest, make_user
from users.tests.support import signed_in

# Property tests are about properties: how long an example takes on a busy machine is no failure.
hypothesis.settings.register_profile("suite", deadline=None, database=None)
hypothesis.settings.load_profile("suite")


class Caller(APIClient):
    """A client of the API that can become someone."""

    def as_user(self, user: User) -> "Caller":
        """A new client signed in as `user`."""
        caller = Caller()
        caller.credentials(HTTP_AUTHORIZATION=f"Bearer {sessions.open_session(user=user).tokens.access}")
        return caller

    def as_key(self, raw: str) -> "Caller":
        """A new client calling with a key."""
        caller = Caller()
        caller.credentials(HTTP_AUTHORIZATION=f"ApiKey {raw}")
        return caller


@pytest.fixture(autouse=True)
def _clean_process_state() -> None:
    context.enter(context.RequestContext())
    principal_cache().clear()
    limiter().forget()
    redis_client().flushdb()
    spool().close()
    if settings.SPOOL_DIR.is_dir():
        for file in settings.SPOOL_DIR.glob("*.log"):
            file.unlink()


@pytest.fixture(scope="session", autouse=True)
def _listener_lives_as_long_as_the_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        ensure_listening()
        assert wait_until_listening(10)
    yield
    stop_listening()


@pytest.fixture
def api() -> Caller:
    """A caller without credentials."""
    return Caller()


@pytest.fixture
def user(db: None) -> User:
    """An ordinary person."""
    return make_user(username="owner")


@pytest.fixture
def other(db: None) -> User:
    """Another ordinary person: the outsider."""
    return make_user(username="outsider")


@pytest.fixture
def admin(db: None) -> User:
    """An administrator."""
    return make_user(username="chief", is_staff=True, is_superuser=True)


@pytest.fixture
def chief(admin: User) -> Client:
    """The administrator's browser."""
    return signed_in(admin)


@pytest.fixture
def guest(db: None) -> User:
    """A guest."""
    return make_guest()


@pytest.fixture
def as_user(api: Caller, user: User) -> Caller:
    """Signed in as the ordinary person."""
    return api.as_user(user)


@pytest.fixture
def as_other(api: Caller, other: User) -> Caller:
    """Signed in as the outsider."""
    return api.as_user(other)


@pytest.fixture
def as_admin(api: Caller, admin: User) -> Caller:
    """Signed in as the administrator."""
    return api.as_user(admin)


@pytest.fixture
def as_guest(api: Caller, guest: User) -> Caller:
    """Signed in as the guest."""
    return api.as_user(guest)


@pytest.fixture
def key(user: User) -> NewKey:
    """A key of the ordinary person with every scope it may have."""
    return make_key(user)


@pytest.fixture
def key_without_scopes(user: User) -> NewKey:
    """A key that may do nothing."""
    return make_key(user, scopes=[])


@pytest.fixture
def as_key(api: Caller, key: NewKey) -> Caller:
    """Calling with the key."""
    return api.as_key(key.raw)


@pytest.fixture
def as_bare_key(api: Caller, key_without_scopes: NewKey) -> Caller:
    """Calling with the key that may do nothing."""
    return api.as_key(key_without_scopes.raw)


@pytest.fixture
def load_spool() -> Callable[[], int]:
    """Ship what this process has spooled."""

    def load() -> int:
        settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
        return Shipper(settings.SPOOL_DIR).ship_once()

    return load
