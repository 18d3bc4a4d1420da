"""The audit trail: one function to write an entry, in the caller's transaction."""

from typing import Any, Protocol
from uuid import UUID

from core import context
from core.models import AuditEntry


class Actor(Protocol):
    """Whoever acts: a user, by shape."""

    @property
    def pk(self) -> Any: ...

    def get_username(self) -> str: ...


def record(
    action: str,
    *,
    actor: Actor | None,
    target_type: str,
    target_id: UUID | str,
    target_label: str = "",
    changes: dict[str, Any] | None = None,
) -> None:
    """Append an entry. `action` is `<noun>.<verb>`; `changes` must hold no secret. A missing actor is the system."""
    request = context.current()
    AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor_label=actor.get_username() if actor else "",
        via=request.via or ("system" if actor is None else ""),
        target_type=target_type,
        target_id=str(target_id),
        target_label=target_label[:254],
        changes=changes or {},
        ip_address=request.ip_address,
        request_id=request.request_id,
    )
