"""Apps above analytics' siblings that fold something from the rows being loaded, in the load's own transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The newest use of one API key within a loaded batch."""

    api_key_id: UUID
    last_used_at: datetime
    ip_address: str | None


Consumer = Callable[[Sequence[KeyUse]], None]
_consumers: list[Consumer] = []


def on_loaded(consumer: Consumer) -> None:
    """Register `consumer` (once, from an app's `ready`); it runs inside the loading transaction."""
    if consumer not in _consumers:
        _consumers.append(consumer)


def consumers() -> tuple[Consumer, ...]:
    """Everyone registered."""
    return tuple(_consumers)
