"""Who is typing: told to those who follow the room right now, kept nowhere."""

from functools import cache
from uuid import UUID

from core.limits import Policy, limiter, parse_policy
from events.publishing import publish_ephemeral
from modules.chat import rights
from modules.chat.rights import Action
from modules.chat.selectors import place_of
from modules.chat.streams import room_stream

TYPING = "1/3"


def tell_typing(*, user_id: UUID, room_id: UUID) -> None:
    """Say that somebody is typing; more often than once in three seconds nothing is said. Raises RightMissing, NotAMember."""
    if not limiter().take(_policy(), f"{user_id}:{room_id}").admitted:
        return
    member = place_of(room_id, user_id)
    if member.is_muted or member.room.archived_at is not None:
        return
    rights.check(member.room, member, Action.TYPE)
    publish_ephemeral("typing", {"room": room_id, "user": user_id}, stream=room_stream(room_id))


@cache
def _policy() -> Policy:
    return parse_policy("chat_typing", TYPING)
