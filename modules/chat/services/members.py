"""Who is in a room, in which role, and what each wants to be told of."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.exceptions import Invalid, NotFound
from modules.chat import rights, telling
from modules.chat.choices import JoinRule, Role
from modules.chat.exceptions import AlreadyMember, InvitationRequired, NotAMember, RequestRequired, RightMissing
from modules.chat.joining import GUEST_ROLES, acting, check_last_owner, enter, living, locked, remove
from modules.chat.models import Member, Room
from modules.chat.rights import RANK, Action
from modules.chat.selectors import member_of
from modules.chat.services.noting import note
from modules.chat.services.rooms import end_room
from users.models import User

_CLOSED = {JoinRule.REQUEST: RequestRequired, JoinRule.INVITE: InvitationRequired}


def join_room(*, room: Room, actor: User) -> Member:
    """Come into a room that is open. Raises RequestRequired, InvitationRequired, RoomArchived and what `enter` does."""
    with transaction.atomic():
        found = living(room.pk)
        if found.join_rule != JoinRule.OPEN:
            if Member.objects.filter(room=found, user=actor).exists():
                raise AlreadyMember
            raise _CLOSED[JoinRule(found.join_rule)]
        return enter(found, actor, Role.MEMBER)


def leave_room(*, room: Room, actor: User) -> None:
    """Go. A room that the last one leaves ends. Raises NotAMember, RightMissing (a direct room), LastOwner.

    Publishes member.left and chat.room.removed.
    """
    with transaction.atomic():
        found = locked(room.pk)
        member = member_of(found.pk, actor.pk)
        rights.check(found, member, Action.LEAVE)
        remove(found, member, "left")
        if not found.member_count:
            end_room(found, actor)


def add_member(*, room: Room, actor: User, user_id: UUID, role: str) -> Member:
    """Bring somebody in directly. Raises RightMissing, RoomArchived, Invalid and what `enter` does."""
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.ADD_MEMBERS)
        user = person(user_id)
        check_gift(found, place, role)
        _check_fit(user, role)
        member = enter(found, user, role)
        note("member_added", found, actor, {"user": str(user.pk), "role": str(role)})
    return member


def change_member(*, room: Room, actor: User, user_id: UUID, **changes: Any) -> Member:
    """Give somebody another `role`, or silence somebody until `muted_until` (None: no longer).

    Nobody gives a role above the own, and all act upon lower ranks only; upon oneself, one steps down. Raises RightMissing,
    RoomArchived, LastOwner, Invalid, NotFound. Publishes member.updated.
    """
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.CHANGE_ROLES if "role" in changes else Action.MUTE)
        if "muted_until" in changes:
            rights.check(found, place, Action.MUTE)
        member = _target(found, user_id)
        if "role" in changes:
            _check_role(found, place, member, changes["role"])
        if "muted_until" in changes:
            _check_mute(place, member, changes["muted_until"])
        before = {name: getattr(member, name) for name in changes}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        if changed:
            for name, value in changed.items():
                setattr(member, name, value)
            member.save(update_fields=list(changed))
            telling.member_updated(member)
            noted = {name: [_plain(before[name]), _plain(value)] for name, value in changed.items()}
            note("member_updated", found, actor, {"user": str(user_id), **noted})
    return member


def remove_member(*, room: Room, actor: User, user_id: UUID) -> None:
    """Take somebody out, who may come back. Raises RightMissing, RoomArchived, NotFound. Publishes member.left."""
    with transaction.atomic():
        found, place = acting(room.pk, actor, Action.REMOVE)
        member = _target(found, user_id)
        if not rights.outranks(place.role, member.role):
            raise RightMissing
        remove(found, member, "removed")
        note("member_removed", found, actor, {"user": str(user_id)})


def update_place(*, room: Room, actor: User, **changes: Any) -> Member:
    """Set what one wants to be told of (`level`), and whether the room is a favourite (`is_favourite`). Raises NotAMember."""
    with transaction.atomic():
        if changes:
            Member.objects.filter(room=room, user=actor).update(**changes)
        return member_of(room.pk, actor.pk)


def person(user_id: UUID, field: str = "user") -> User:
    """Somebody who has an account here. Raises Invalid."""
    user: User | None = User.objects.filter(pk=user_id, is_active=True).select_related("profile").first()
    if user is None:
        raise Invalid.field(field, "There is no such person.", "does_not_exist")
    return user


def check_gift(room: Room, place: Member, role: str) -> None:
    """Whether somebody may bring people in with that role: none above the own, and only those who change roles more than a
    member's. Raises RightMissing.
    """
    if RANK[Role(role)] > RANK[Role.MEMBER]:
        rights.check(room, place, Action.CHANGE_ROLES)
    if RANK[Role(role)] > RANK[Role(place.role)]:
        raise RightMissing


def _target(room: Room, user_id: UUID) -> Member:
    try:
        return member_of(room.pk, user_id)
    except NotAMember as error:
        raise NotFound("This person is not in the room.") from error


def _check_role(room: Room, place: Member, member: Member, role: str) -> None:
    if member.pk == place.pk:
        if RANK[Role(role)] > RANK[Role(place.role)]:
            raise RightMissing
    elif not rights.outranks(place.role, member.role) or RANK[Role(role)] > RANK[Role(place.role)]:
        raise RightMissing
    if role != Role.OWNER:
        check_last_owner(room, member)
    _check_fit(member.user, role)


def _check_mute(place: Member, member: Member, until: datetime | None) -> None:
    if not rights.outranks(place.role, member.role):
        raise RightMissing
    if until is not None and until <= timezone.now():
        raise Invalid.field("muted_until", "Must lie in the future.", "in_the_past")


def _check_fit(user: User, role: str) -> None:
    """Guests are guests, or may read only; nobody else is a guest."""
    if (role not in GUEST_ROLES) if user.is_guest else (role == Role.GUEST):
        raise Invalid.field("role", "This account cannot have this role.", "wrong_for_account")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
