"""What auditors read of rooms."""

from typing import Any

from core import audit
from modules.chat.models import Room
from users.models import User


def note(action: str, room: Room, actor: User, changes: dict[str, Any] | None = None) -> None:
    """Write down what somebody who looks after a room did, in the caller's transaction."""
    audit.record(
        f"chat.{action}",
        actor=actor,
        target_type="chat_room",
        target_id=room.pk,
        target_label=str(room),
        changes=changes or {},
    )
