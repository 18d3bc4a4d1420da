"""What the tests of the kernel share: names that only a test knows."""

import socket

import pytest

from core.tests.support import Names


@pytest.fixture
def names(monkeypatch):
    resolver = Names()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
def allow(names, settings):
    """Make a name of loopback and let it be called there; the URL."""

    def permit(port, name="api.example.test", addresses=("127.0.0.1",), scheme="http"):
        names.answers[name] = [list(addresses)]
        settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {f"{name}:{port}"}
        return f"{scheme}://{name}:{port}"

    return permit
