"""The stream of a room: its messages, members and settings."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from core.principals import Principal
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
    """Where the caller's past begins in a room that shows only what came since joining."""
    room_id = _uuid(identifier)
    found = _memberships(principal, room_id).values_list("joined_seq", "room__history").first() if room_id else None
    return found[0] if found is not None and found[1] == History.SINCE_JOINING else 0


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
