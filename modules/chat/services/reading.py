"""What somebody has read: one pointer a room and one a thread, which only move forward."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from events import publish
from modules.chat import events
from modules.chat.exceptions import MessageNotFound
from modules.chat.models import ThreadFollower
from modules.chat.selectors import member_of, place_of

_ROOM = """
UPDATE chat_member m SET read_number = least(%(number)s, r.last_number), read_at = %(now)s
FROM chat_room r WHERE r.id = m.room_id AND m.room_id = %(room)s AND m.user_id = %(user)s
  AND m.read_number < least(%(number)s, r.last_number) RETURNING m.read_number
"""
_THREAD = """
UPDATE chat_threadfollower f SET read_number = least(%(number)s, t.reply_count)
FROM chat_message t WHERE t.id = f.root_id AND f.root_id = %(root)s AND f.room_id = %(room)s AND f.user_id = %(user)s
  AND f.read_number < least(%(number)s, t.reply_count) RETURNING f.read_number
"""


def mark_read(*, user_id: UUID, room_id: UUID, number: int, root_id: UUID | None = None) -> dict[str, Any]:
    """Move the pointer of a room, or of a thread that one follows, up to `number`; where it stands.

    Raises NotAMember, RoomNotFound, MessageNotFound for a thread that one does not follow. Publishes chat.read on the user's own
    stream, where it moved, so that other devices follow.
    """
    member = place_of(room_id, user_id)
    with transaction.atomic():
        values: dict[str, Any] = {"number": number, "room": room_id, "user": user_id, "root": root_id, "now": timezone.now()}
        with connection.cursor() as cursor:
            cursor.execute(_ROOM if root_id is None else _THREAD, values)
            row = cursor.fetchone()
        if row is None:
            return {"number": _standing(member.room_id, user_id, root_id)}
        publish(events.ChatRead(room_id, root_id, row[0]), stream=f"user:{user_id}")
    return {"number": row[0]}


def _standing(room_id: UUID, user_id: UUID, root_id: UUID | None) -> int:
    if root_id is None:
        found: int = member_of(room_id, user_id).read_number
        return found
    follower = ThreadFollower.objects.filter(root_id=root_id, room_id=room_id, user_id=user_id).first()
    if follower is None:
        raise MessageNotFound
    return follower.read_number
