"""Short words for answers of key endpoints."""

from typing import Any

LIST = "/api/v1/api-keys/"


def detail(key: Any, action: str = "") -> str:
    """The path of a key, or of something of it."""
    return f"{LIST}{key.pk}/{action}"
