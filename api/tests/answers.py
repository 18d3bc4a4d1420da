"""Short words for what every endpoint answers."""

from typing import Any


def error(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def wrong_fields(response: Any) -> list[tuple[str, str]]:
    """Which fields or parameters a 400 names, with what is wrong."""
    assert response.status_code == 400, response.json()
    return [(item["field"], item["code"]) for item in response.json()["error"]["details"]]


def assert_anonymous(response: Any) -> None:
    """401 with a challenge."""
    assert error(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"]


def assert_lacks_scope(response: Any, scope: str) -> None:
    """403 that names the missing scope."""
    assert error(response) == (403, "insufficient_scope")
    assert response.json()["error"]["details"] == [{"field": "scope", "code": "missing", "message": scope}]
