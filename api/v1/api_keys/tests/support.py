"""Short words for answers of key endpoints."""

from typing import Any

LIST = "/api/v1/api-keys/"


def detail(key: Any, action: str = "") -> str:
    """The path of a key, or of something of it."""
    return f"{LIST}{key.pk}/{action}"


def error(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def wrong_fields(response: Any) -> list[tuple[str, str]]:
    """Which fields a 400 names, with what is wrong."""
    assert response.status_code == 400, response.json()
    return [(item["field"], item["code"]) for item in response.json()["error"]["details"]]


def assert_lacks_scope(response: Any, scope: str) -> None:
    """403 that names the missing scope."""
    assert error(response) == (403, "insufficient_scope")
    assert response.json()["error"]["details"] == [{"field": "scope", "code": "missing", "message": scope}]


def assert_anonymous(response: Any) -> None:
    """401 with a challenge."""
    assert error(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"]
