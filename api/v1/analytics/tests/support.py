"""Short words for answers of the analytics endpoints."""

from typing import Any

BASE = "/api/v1/analytics/"


def error(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def wrong_fields(response: Any) -> list[tuple[str, str]]:
    """Which parameters a 400 names, with what is wrong."""
    assert response.status_code == 400, response.json()
    return [(item["field"], item["code"]) for item in response.json()["error"]["details"]]


def assert_refuses_strangers(api: Any, as_bare_key: Any, path: str, scope: str) -> None:
    """401 for an anonymous caller; 403 naming the scope for a key without it."""
    anonymous = api.get(path)
    assert error(anonymous) == (401, "not_authenticated")
    assert anonymous.headers["WWW-Authenticate"]
    lacking = as_bare_key.get(path)
    assert error(lacking) == (403, "insufficient_scope")
    assert lacking.json()["error"]["details"] == [{"field": "scope", "code": "missing", "message": scope}]


def data(response: Any) -> Any:
    """The answer's data."""
    assert response.status_code == 200, response.json()
    return response.json()["data"]
