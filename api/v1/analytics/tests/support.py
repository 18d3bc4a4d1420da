"""Short words for answers of the analytics endpoints."""

from typing import Any

from api.tests.answers import assert_anonymous, assert_lacks_scope

BASE = "/api/v1/analytics/"


def assert_refuses_strangers(api: Any, as_bare_key: Any, path: str, scope: str) -> None:
    """401 for an anonymous caller; 403 naming the scope for a key without it."""
    assert_anonymous(api.get(path))
    assert_lacks_scope(as_bare_key.get(path), scope)


def data(response: Any) -> Any:
    """The answer's data."""
    assert response.status_code == 200, response.json()
    return response.json()["data"]
