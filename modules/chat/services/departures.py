"""Going for good: what becomes of the rooms of an account that is deleted."""

from django.db import connection

from modules.chat import telling
from modules.chat.choices import Role, RoomKind
from modules.chat.joining import remove
from modules.chat.models import Member, Room
from modules.chat.services.noting import note
from modules.chat.services.rooms import end_room
from users.models import User

# Who owns a room when its last owner's account ends: the eldest of the first of these that somebody has.
_HEIRS = (Role.ADMIN, Role.MODERATOR, Role.MEMBER)
_UNCOUNT = """
UPDATE chat_message m SET reactions = coalesce((
  SELECT jsonb_object_agg(kept.emoji, kept.number)
  FROM (SELECT e.key AS emoji, e.value::int - (e.key = ANY(mine.emoji))::int AS number FROM jsonb_each_text(m.reactions) e) kept
  WHERE kept.number > 0
), '{}')
FROM (SELECT message_id, array_agg(emoji::text) AS emoji FROM chat_reaction WHERE user_id = %s GROUP BY message_id) mine
WHERE m.id = mine.message_id
"""


def leave_everything(*, user: User, actor: User) -> None:
    """Take somebody out of every room, in the transaction that deletes the account; what was written stays.

    Where the last owner goes somebody else owns the room; one that nobody is left in who could ends. Reactions are taken back.
    Publishes member.left, and member.updated or room.deleted.
    """
    own = Member.objects.filter(user=user).values("room_id")
    # In one order, like everywhere.
    for room in list(Room.objects.select_for_update(no_key=True).filter(pk__in=own, deleted_at=None).order_by("pk")):
        member = Member.objects.get(room=room, user=user)
        stays = _pass_on(room, member, actor)
        if stays:
            remove(room, member, "left")
        if not stays or not room.member_count:
            end_room(room, actor)
    with connection.cursor() as cursor:
        cursor.execute(_UNCOUNT, [user.pk])


def _pass_on(room: Room, member: Member, actor: User) -> bool:
    """Give the room to somebody else where the last owner goes; False where there is nobody."""
    others = Member.objects.filter(room=room).exclude(pk=member.pk)
    if member.role != Role.OWNER or room.kind == RoomKind.DIRECT or others.filter(role=Role.OWNER).exists():
        return True
    for role in _HEIRS:
        heir = others.filter(role=role, user__is_active=True).order_by("joined_at", "id").first()
        if heir is not None:
            heir.role = Role.OWNER
            heir.save(update_fields=["role"])
            telling.member_updated(heir)
            note("owner_succeeded", room, actor, {"user": str(heir.user_id)})
            return True
    return False
