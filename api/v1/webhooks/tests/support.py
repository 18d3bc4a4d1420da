"""Short words for answers of webhook endpoints."""

from typing import Any

from webhooks.models import WebhookEndpoint

LIST = "/api/v1/webhooks/"
URL = "https://hooks.example.com/in"


def detail(made: Any, action: str = "") -> str:
    """The path of an endpoint, or of something of it."""
    return f"{LIST}{made.endpoint.pk}/{action}"


def of_delivery(delivery: Any, action: str = "") -> str:
    """The path of a delivery, or of something of it."""
    return f"{LIST}deliveries/{delivery.pk}/{action}"


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


def snapshot(made: Any) -> dict[str, Any]:
    """Everything stored of an endpoint."""
    found = WebhookEndpoint.objects.values().get(pk=made.endpoint.pk)
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in found.items()}
