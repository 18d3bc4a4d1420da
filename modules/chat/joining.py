"""Coming in and going out: the one place where rows of members begin and end.

The room's row is locked, so that its number of members, its bound and its last owner are what they seem.
"""

from uuid import UUID

from django.conf import settings
from django.db.models import F

from events.selectors import head
from modules.chat import telling
from modules.chat.choices import AdmissionStatus, Role, RoomKind
from modules.chat.exceptions import AlreadyMember, Banned, LastOwner, RoomArchived, RoomFull, RoomNotFound
from modules.chat.models import Admission, Ban, Member, Room
from modules.chat.streams import room_stream
from users.models import User


def locked(room_id: UUID) -> Room:
    """The room, until the end of the transaction nobody else's to change. Raises RoomNotFound."""
    room: Room | None = Room.objects.select_for_update(no_key=True).filter(pk=room_id, deleted_at=None).first()
    if room is None:
        raise RoomNotFound
    return room


def living(room_id: UUID) -> Room:
    """The same, where things may change. Raises RoomNotFound, RoomArchived."""
    room = locked(room_id)
    if room.archived_at is not None:
        raise RoomArchived
    return room


def name_of(user: User) -> str:
    """How somebody appears."""
    profile = getattr(user, "profile", None)
    return (profile.display_name if profile is not None else "") or user.username


def enter(room: Room, user: User, role: str) -> Member:
    """Let somebody into a locked room. Raises Banned, AlreadyMember, RoomFull.

    What is pending of them is settled. Publishes member.joined and chat.room.added.
    """
    if Ban.objects.standing().filter(room=room, user=user).exists():
        raise Banned
    if Member.objects.filter(room=room, user=user).exists():
        raise AlreadyMember
    if room.member_count >= settings.CHAT_MAX_MEMBERS:
        raise RoomFull
    member: Member = Member.objects.create(
        room=room,
        user=user,
        role=role,
        joined_number=room.last_number,
        read_number=room.last_number,
        # Until the event of the joining itself has its place.
        joined_seq=head(room_stream(room.pk)).seq,
    )
    Room.objects.filter(pk=room.pk).update(member_count=F("member_count") + 1)
    room.member_count += 1
    Admission.objects.filter(room=room, user=user, status=AdmissionStatus.PENDING).update(status=AdmissionStatus.ACCEPTED)
    telling.member_joined(room, member, name_of(user))
    return member


def remove(room: Room, member: Member, reason: str) -> None:
    """Take somebody out of a locked room. Raises LastOwner. Publishes member.left and chat.room.removed."""
    if member.role == Role.OWNER and room.kind != RoomKind.DIRECT:
        others = Member.objects.filter(room=room).exclude(pk=member.pk)
        if others.exists() and not others.filter(role=Role.OWNER).exists():
            raise LastOwner
    member.delete()
    Room.objects.filter(pk=room.pk).update(member_count=F("member_count") - 1)
    room.member_count -= 1
    telling.member_left(room.pk, member.user_id, reason)
