"""Coming in and going out: the one place where rows of members begin and end.

The room's row is locked, so that its number of members, its bound and its last owner are what they seem.
"""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from events.selectors import head
from modules.chat import rights, telling
from modules.chat.choices import AdmissionStatus, Role, RoomKind
from modules.chat.exceptions import AlreadyMember, Banned, GuestElsewhere, LastOwner, RoomArchived, RoomFull, RoomNotFound
from modules.chat.models import Admission, Ban, IncomingWebhook, InviteLink, Member, Mention, Room, ThreadFollower
from modules.chat.rights import Action
from modules.chat.selectors import member_of
from modules.chat.streams import room_stream
from users.models import User

GUEST_ROLES = frozenset({Role.GUEST, Role.READ_ONLY})


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


def acting(room_id: UUID, actor: User, action: Action) -> tuple[Room, Member]:
    """The locked room where `actor` may do something, and the actor's place. Raises NotAMember, RightMissing, RoomArchived."""
    room = locked(room_id)
    member = member_of(room_id, actor.pk)
    rights.check(room, member, action)
    if room.archived_at is not None:
        raise RoomArchived
    return room, member


def name_of(user: User) -> str:
    """How somebody appears."""
    profile = getattr(user, "profile", None)
    return (profile.display_name if profile is not None else "") or user.username


def role_for(user: User, role: str) -> str:
    """What a role comes to for an account: a guest is a guest, or may read only, and nobody else is one."""
    if user.is_guest:
        return role if role in GUEST_ROLES else Role.GUEST
    return Role.MEMBER if role == Role.GUEST else role


def enter(room: Room, user: User, role: str) -> Member:
    """Let somebody into a locked room. Raises GuestElsewhere, Banned, AlreadyMember, RoomFull.

    What is pending of them is settled. Publishes member.joined and chat.room.added.
    """
    if user.is_guest and user.guest_resource != room_stream(room.pk):
        raise GuestElsewhere
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
    pending = Admission.objects.filter(room=room, user=user, status=AdmissionStatus.PENDING)
    pending.update(status=AdmissionStatus.ACCEPTED, decided_at=timezone.now())
    telling.member_joined(room, member, name_of(user))
    return member


def enter_first(room: Room, people: Sequence[tuple[User, Role]]) -> None:
    """Let people into a room made in this transaction, of which nobody knows yet. Publishes as `enter` does."""
    members = Member.objects.bulk_create([Member(room=room, user=user, role=role) for user, role in people])
    room.member_count = len(members)
    room.save(update_fields=["member_count"])
    for (user, _), member in zip(people, members, strict=True):
        telling.member_joined(room, member, name_of(user))


def remove(room: Room, member: Member, reason: str) -> None:
    """Take somebody out of a locked room; who is put out leaves no way in behind. Raises LastOwner.

    Publishes member.left and chat.room.removed.
    """
    check_last_owner(room, member)
    member.delete()
    _take_back(room, member.user_id, keeps_ways=reason == "left")
    Room.objects.filter(pk=room.pk).update(member_count=F("member_count") - 1)
    room.member_count -= 1
    telling.member_left(room.pk, member.user_id, reason)


def _take_back(room: Room, user_id: UUID, *, keeps_ways: bool) -> None:
    """What somebody no longer follows, is no longer meant by, and, where the person was put out, the ways in that were made."""
    ThreadFollower.objects.filter(room=room, user_id=user_id).delete()
    Mention.objects.filter(room=room, user_id=user_id).delete()
    if not keeps_ways:
        now = timezone.now()
        InviteLink.objects.filter(room=room, created_by_id=user_id, revoked_at=None).update(revoked_at=now)
        IncomingWebhook.objects.filter(room=room, created_by_id=user_id).update(is_active=False)
        pending = Admission.objects.filter(room=room, invited_by_id=user_id, status=AdmissionStatus.PENDING)
        pending.update(status=AdmissionStatus.WITHDRAWN, decided_at=now)


def check_last_owner(room: Room, member: Member) -> None:
    """Raises LastOwner where others would be left in a locked room without an owner."""
    if member.role == Role.OWNER and room.kind != RoomKind.DIRECT:
        others = Member.objects.filter(room=room).exclude(pk=member.pk)
        if others.exists() and not others.filter(role=Role.OWNER).exists():
            raise LastOwner
