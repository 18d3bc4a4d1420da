"""The stream of a room: its messages, members and settings."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from core.principals import Principal
from events.selectors import last_before
from events.streams import StreamKind
from modules.chat.choices import History
from modules.chat.models import Member
from webhooks.models import WebhookEndpoint


def room_stream(room_id: UUID) -> str:
    """The name of a room's stream."""
    return f"room:{room_id}"


def _may_follow(principal: Principal, identifier: str) -> bool:
    room_id = _uuid(identifier)
    return room_id is not None and _memberships(principal, room_id).exists()


def _earliest(principal: Principal, identifier: str) -> int:
    """Where the caller's past begins: at the joining, in a room that shows only what came since; at what the room keeps."""
    room_id = _uuid(identifier)
    found = _memberships(principal, room_id).select_related("room").first() if room_id else None
    if found is None:
        return 0
    joined: int = found.joined_seq if found.room.history == History.SINCE_JOINING else 0
    if found.room.retention_days is None:
        return joined
    return max(joined, last_before(room_stream(found.room_id), timezone.now() - timedelta(days=found.room.retention_days)))


def _followers(identifier: str) -> Collection[UUID]:
    # Of ten thousand members few have webhooks.
    owners = WebhookEndpoint.objects.sending().values("owner_id")
    found = Member.objects.filter(room_id=identifier, room__deleted_at=None, user_id__in=owners)
    return set(found.values_list("user_id", flat=True))


def _memberships(principal: Principal, room_id: UUID) -> Any:
    return Member.objects.filter(room_id=room_id, user_id=principal.user_id, room__deleted_at=None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROOM = StreamKind(
    name="room",
    description="What happens in a chat room that one is in: `room:<id of the room>`.",
    may_follow=_may_follow,
    followers=_followers,
    earliest=_earliest,
    scope="chat:read",
    shows_followers=True,
)
