"""Rooms as they are answered, a page in as many queries whatever its length."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from modules.chat import selectors
from modules.chat.choices import RoomKind
from modules.chat.joining import name_of
from modules.chat.models import Member, Room
from modules.chat.selectors import Unread

_PLAIN = (
    *("kind", "name", "topic", "join_rule", "history", "slow_mode_seconds", "retention_days"),
    *("member_count", "last_number", "last_message_at", "archived_at", "created_at"),
)


def show_places(members: Sequence[Member]) -> list[dict[str, Any]]:
    """The rooms of these places, all of one person, with what is unread in them."""
    if not members:
        return []
    user_id = members[0].user_id
    unread = {one.room: one for one in selectors.unread(user_id, [member.room_id for member in members])}
    others = _others(user_id, [member.room_id for member in members if member.room.kind == RoomKind.DIRECT])
    return [show_room(member.room, _me(member, unread.get(member.room_id)), others.get(member.room_id)) for member in members]


def show_place(member: Member) -> dict[str, Any]:
    """The room of one place."""
    return show_places([member])[0]


def show_me(member: Member) -> dict[str, Any]:
    """One's own place alone."""
    (unread,) = selectors.unread(member.user_id, [member.room_id]) or (None,)
    return _me(member, unread)


def show_room(room: Room, me: dict[str, Any] | None = None, other: dict[str, Any] | None = None) -> dict[str, Any]:
    """A room, as one sees it who is not in it unless `me` is given."""
    return {"id": room.pk, **{name: getattr(room, name) for name in _PLAIN}, "other": other, "me": me}


def _me(member: Member, unread: Unread | None) -> dict[str, Any]:
    return {
        "role": member.role,
        "joined_at": member.joined_at,
        "level": member.level,
        "is_favourite": member.is_favourite,
        "muted_until": member.muted_until,
        "read_number": member.read_number,
        "unread": {
            "messages": unread.messages if unread else 0,
            "mentions": unread.mentions if unread else 0,
            "threads": unread.threads if unread else 0,
        },
    }


def _others(user_id: UUID, rooms: Sequence[UUID]) -> Mapping[UUID, dict[str, Any]]:
    """Of each direct room the other person, in one query."""
    if not rooms:
        return {}
    found = Member.objects.filter(room_id__in=rooms).exclude(user_id=user_id).select_related("user__profile")
    return {member.room_id: {"user": member.user_id, "name": name_of(member.user)} for member in found}
