"""Rooms: making them, changing them, ending them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.exceptions import Invalid, NotAllowed
from modules.chat import rights, telling
from modules.chat.choices import History, JoinRule, Role, RoomKind
from modules.chat.exceptions import WrongRoomKind
from modules.chat.joining import acting, enter_first, locked
from modules.chat.models import Room
from modules.chat.models.room import OPEN_KINDS
from modules.chat.rights import Action
from modules.chat.selectors import member_of
from modules.chat.services.noting import note
from modules.chat.text import checked_name
from users.models import User

# With the one who makes it a hundred, whose events are one statement.
MAX_FIRST_MEMBERS = 99
CHANGEABLE = ("name", "topic", "join_rule", "history", "slow_mode_seconds", "retention_days")
_RULES = {RoomKind.PUBLIC: JoinRule.OPEN}


def create_room(*, actor: User, kind: str, name: str, members: Sequence[UUID] = (), topic: str = "", **settings: Any) -> Room:
    """Make a room that `actor` owns, with others in it from the beginning.

    Raises Invalid (a bad name, people who do not exist, guests), WrongRoomKind for a direct one, NotAllowed for a guest.
    Publishes member.joined and chat.room.added for each.
    """
    if actor.is_guest:
        raise NotAllowed("Guests may not do this; upgrade to an account first.", code="account_required")
    if kind == RoomKind.DIRECT:
        raise WrongRoomKind("Open a direct room with `rooms/direct/`.")
    people = _people([user for user in dict.fromkeys(members) if user != actor.pk], field="members")
    settings.setdefault("join_rule", _RULES.get(RoomKind(kind), JoinRule.INVITE))
    _check_rule(kind, settings["join_rule"])
    with transaction.atomic():
        room: Room = Room.objects.create(kind=kind, name=checked_name(name), topic=topic, created_by=actor, **settings)
        enter_first(room, [(actor, Role.OWNER), *((user, Role.MEMBER) for user in people)])
        note("room_created", room, actor, {"kind": str(kind)})
    return room


def open_direct(*, actor: User, other_id: UUID) -> tuple[Room, bool]:
    """The room of two people, and whether it was made now. Raises Invalid, NotAllowed for guests."""
    if actor.is_guest:
        raise NotAllowed("Guests have no direct rooms.", code="account_required")
    if other_id == actor.pk:
        raise Invalid.field("user", "Somebody else.", "is_self")
    (other,) = _people([other_id], field="user")
    key = ":".join(sorted((str(actor.pk), str(other.pk))))
    found: Room | None = Room.objects.filter(direct_key=key).first()
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            room: Room = Room.objects.create(kind=RoomKind.DIRECT, direct_key=key, created_by=actor)
            enter_first(room, [(actor, Role.MEMBER), (other, Role.MEMBER)])
    except IntegrityError:
        # The other one did the same at the same moment.
        return Room.objects.get(direct_key=key), False
    return room, True


def update_room(*, room: Room, actor: User, **changes: Any) -> Room:
    """Change what is in CHANGEABLE. Raises RightMissing, RoomArchived, Invalid. Publishes room.updated."""
    with transaction.atomic():
        found, _ = acting(room.pk, actor, Action.EDIT_ROOM)
        if "name" in changes:
            changes["name"] = checked_name(changes["name"])
        if "join_rule" in changes:
            _check_rule(found.kind, changes["join_rule"])
        if changes.get("history") == History.ALL and found.history == History.SINCE_JOINING:
            # Who was in the room wrote for those who were: the past stays closed.
            raise Invalid.field("history", "What was hidden stays hidden: this can only be narrowed.", "cannot_widen")
        before = {name: getattr(found, name) for name in changes}
        changed = {name: value for name, value in changes.items() if before[name] != value}
        if changed:
            for name, value in changed.items():
                setattr(found, name, value)
            found.save(update_fields=[*changed, "updated_at"])
            telling.room_updated(found)
            note("room_updated", found, actor, {name: [before[name], value] for name, value in changed.items()})
    return found


def archive_room(*, room: Room, actor: User, is_archived: bool) -> Room:
    """Put a room away, or take it out again. Twice is harmless. Raises RightMissing. Publishes room.updated."""
    with transaction.atomic():
        found = locked(room.pk)
        rights.check(found, member_of(found.pk, actor.pk), Action.ARCHIVE)
        put_away(found, actor, is_archived=is_archived)
    return found


def put_away(room: Room, actor: User, *, is_archived: bool) -> None:
    """Put a locked room away, or take it out again, whoever may. Publishes room.updated."""
    if (room.archived_at is not None) != is_archived:
        room.archived_at = timezone.now() if is_archived else None
        room.save(update_fields=["archived_at", "updated_at"])
        telling.room_updated(room)
        note("room_archived" if is_archived else "room_unarchived", room, actor)


def delete_room(*, room: Room, actor: User) -> None:
    """End a room for everybody; its rows follow by and by. Raises RightMissing. Publishes room.deleted, chat.room.removed."""
    with transaction.atomic():
        found = locked(room.pk)
        rights.check(found, member_of(found.pk, actor.pk), Action.DELETE_ROOM)
        end_room(found, actor)


def end_room(room: Room, actor: User) -> None:
    """End a locked room, in the caller's transaction."""
    room.deleted_at = timezone.now()
    room.save(update_fields=["deleted_at", "updated_at"])
    telling.room_deleted(room, actor.pk)
    note("room_deleted", room, actor)


def _check_rule(kind: str, rule: str) -> None:
    if rule != JoinRule.INVITE and kind not in OPEN_KINDS:
        raise Invalid.field("join_rule", "Nobody finds such a room: people come by invitation or link.", "wrong_for_kind")


def _people(ids: Sequence[UUID], field: str) -> list[User]:
    if len(ids) > MAX_FIRST_MEMBERS:
        raise Invalid.field(field, f"At most {MAX_FIRST_MEMBERS} people.", "too_many")
    found = {user.pk: user for user in User.objects.filter(pk__in=ids, is_active=True).select_related("profile")}
    if len(found) < len(ids):
        raise Invalid.field(field, "There is no such person.", "does_not_exist")
    if any(user.is_guest for user in found.values()):
        raise Invalid.field(field, "Guests come in by link, and have no direct rooms.", "is_guest")
    return [found[key] for key in ids]
