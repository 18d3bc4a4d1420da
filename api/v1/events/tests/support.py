"""Short words for answers of event endpoints."""

from typing import Any

LIST = "/api/v1/events/"
KINDS = f"{LIST}streams/"
TICKETS = f"{LIST}tickets/"


def stream_of(user: Any) -> str:
    """The user's own stream."""
    return f"user:{user.pk}"


def ask(caller: Any, stream: str, **query: Any) -> Any:
    """Read a stream."""
    return caller.get(LIST, {"stream": stream, **query})


def numbers(response: Any) -> list[int]:
    """The payloads' numbers."""
    assert response.status_code == 200, response.json()
    return [row["data"]["number"] for row in response.json()["data"]]


def position(response: Any) -> dict[str, Any]:
    """What `meta.stream` tells."""
    assert response.status_code == 200, response.json()
    return response.json()["meta"]["stream"]


def error(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def wrong_fields(response: Any) -> list[tuple[str, str]]:
    """Which fields a 400 names, with what is wrong."""
    assert response.status_code == 400, response.json()
    return [(item["field"], item["code"]) for item in response.json()["error"]["details"]]


def assert_anonymous(response: Any) -> None:
    """401 with a challenge."""
    assert error(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"]


def assert_lacks_scope(response: Any) -> None:
    """403 that names the missing scope."""
    assert error(response) == (403, "insufficient_scope")
    assert response.json()["error"]["details"] == [{"field": "scope", "code": "missing", "message": "events:read"}]
