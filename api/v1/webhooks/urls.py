"""Routes of webhooks."""

from typing import Any

urlpatterns: list[Any] = []
