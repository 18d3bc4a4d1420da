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
