"""Routes of events."""

from typing import Any

urlpatterns: list[Any] = []
