"""Rooms: making them, changing them, ending them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from core import audit
from core.exceptions import Invalid, NotAllowed
from events import publish
from modules.chat import events, rights, telling
from modules.chat.choices import History, JoinRule, Role, RoomKind
from modules.chat.exceptions import RoomArchived, WrongRoomKind
from modules.chat.joining import enter, locked
from modules.chat.models import Member, Room
from modules.chat.rights import Action
from modules.chat.selectors import member_of
from modules.chat.streams import room_stream
from modules.chat.text import checked_name
from users.models import User

MAX_FIRST_MEMBERS = 100
CHANGEABLE = ("name", "topic", "join_rule", "history", "slow_mode_seconds", "retention_days")
_RULES = {RoomKind.PUBLIC: JoinRule.OPEN}


def create_room(*, actor: User, kind: str, name: str, members: Sequence[UUID] = (), topic: str = "", **settings: Any) -> Room:
    """Make a room that `actor` owns, with others in it from the beginning.

    Raises Invalid (a bad name, people who do not exist), WrongRoomKind for a direct one, NotAllowed for a guest. Publishes
    member.joined and chat.room.added for each.
    """
    if actor.is_guest:
        raise NotAllowed("Guests may not do this; upgrade to an account first.", code="account_required")
    if kind == RoomKind.DIRECT:
        raise WrongRoomKind("Open a direct room with `rooms/direct/`.")
    people = _people([user for user in dict.fromkeys(members) if user != actor.pk])
    settings.setdefault("join_rule", _RULES.get(RoomKind(kind), JoinRule.INVITE))
    _check_rule(kind, settings["join_rule"])
    with transaction.atomic():
        room: Room = Room.objects.create(kind=kind, name=checked_name(name), topic=topic, created_by=actor, **settings)
        enter(room, actor, Role.OWNER)
        for user in people:
            enter(room, user, Role.MEMBER)
        _note("created", room, actor, {"kind": str(kind)})
    return room


def open_direct(*, actor: User, other_id: UUID) -> tuple[Room, bool]:
    """The room of two people, and whether it was made now. Raises Invalid, NotAllowed for guests."""
    if actor.is_guest:
        raise NotAllowed("Guests have no direct rooms.", code="account_required")
    if other_id == actor.pk:
        raise Invalid.field("user", "Somebody else.", "is_self")
    (other,) = _people([other_id], field="user")
    if other.is_guest:
        raise Invalid.field("user", "Guests have no direct rooms.", "is_guest")
    key = ":".join(sorted((str(actor.pk), str(other.pk))))
    found: Room | None = Room.objects.filter(direct_key=key).first()
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            room: Room = Room.objects.create(kind=RoomKind.DIRECT, direct_key=key, created_by=actor)
            enter(room, actor, Role.MEMBER)
            enter(room, other, Role.MEMBER)
    except IntegrityError:
        # The other one did the same at the same moment.
        return Room.objects.get(direct_key=key), False
    return room, True


def update_room(*, room: Room, actor: User, **changes: Any) -> Room:
    """Change what is in CHANGEABLE. Raises RightMissing, RoomArchived, Invalid, WrongRoomKind. Publishes room.updated."""
    with transaction.atomic():
        found = locked(room.pk)
        rights.check(found, membership(found, actor), Action.EDIT_ROOM)
        if found.archived_at is not None:
            raise RoomArchived
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
            _note("updated", found, actor, {name: [before[name], value] for name, value in changed.items()})
    return found


def archive_room(*, room: Room, actor: User, is_archived: bool) -> Room:
    """Put a room away, or take it out again. Twice is harmless. Raises RightMissing. Publishes room.updated."""
    with transaction.atomic():
        found = locked(room.pk)
        rights.check(found, membership(found, actor), Action.ARCHIVE)
        if (found.archived_at is not None) != is_archived:
            found.archived_at = timezone.now() if is_archived else None
            found.save(update_fields=["archived_at", "updated_at"])
            telling.room_updated(found)
            _note("archived" if is_archived else "unarchived", found, actor, {})
    return found


def delete_room(*, room: Room, actor: User) -> None:
    """End a room for everybody; its rows follow by and by. Raises RightMissing. Publishes room.deleted, chat.room.removed."""
    with transaction.atomic():
        found = locked(room.pk)
        rights.check(found, membership(found, actor), Action.DELETE_ROOM)
        found.deleted_at = timezone.now()
        found.save(update_fields=["deleted_at", "updated_at"])
        publish(events.RoomDeleted(found.pk, actor.pk), stream=room_stream(found.pk))
        _note("deleted", found, actor, {})


def membership(room: Room, user: User) -> Member:
    """Somebody's place in a room. Raises NotAMember."""
    return member_of(room.pk, user.pk)


def _check_rule(kind: str, rule: str) -> None:
    if rule != JoinRule.INVITE and kind not in (RoomKind.PUBLIC, RoomKind.BROADCAST, RoomKind.PRIVATE):
        raise Invalid.field("join_rule", "Only by invitation.", "wrong_for_kind")
    if rule == JoinRule.OPEN and kind == RoomKind.PRIVATE:
        raise Invalid.field("join_rule", "A private room is not open.", "wrong_for_kind")


def _people(ids: Sequence[UUID], field: str = "members") -> list[User]:
    if len(ids) > MAX_FIRST_MEMBERS:
        raise Invalid.field(field, f"At most {MAX_FIRST_MEMBERS} people.", "too_many")
    found = {user.pk: user for user in User.objects.filter(pk__in=ids, is_active=True).select_related("profile")}
    if len(found) < len(ids):
        raise Invalid.field(field, "There is no such person.", "does_not_exist")
    return [found[key] for key in ids]


def _note(action: str, room: Room, actor: User, changes: dict[str, Any]) -> None:
    audit.record(
        f"chat.room_{action}",
        actor=actor,
        target_type="chat_room",
        target_id=room.pk,
        target_label=str(room),
        changes=changes,
    )
