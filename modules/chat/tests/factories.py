"""Rooms with people in them, for tests."""

from typing import Any
from uuid import uuid4

from django.db import transaction

from modules.chat import sending
from modules.chat.choices import Role, RoomKind
from modules.chat.joining import enter
from modules.chat.models import Member, Message, Room
from modules.chat.sending import Draft
from modules.chat.services import rooms
from modules.chat.streams import room_stream
from users.models import User


def make_room(owner: User, *members: User, kind: str = RoomKind.PRIVATE, name: str = "Harbour", **settings: Any) -> Room:
    """A room of `owner`'s with others in it."""
    return rooms.create_room(actor=owner, kind=kind, name=name, members=[user.pk for user in members], **settings)


def put_in(room: Room, user: User, role: str = Role.MEMBER) -> Member:
    """Somebody in a room, in a role; a guest is bound to it."""
    if user.is_guest:
        user.guest_resource = room_stream(room.pk)
        user.save(update_fields=["guest_resource"])
    with transaction.atomic():
        return enter(Room.objects.select_for_update().get(pk=room.pk), user, role)


def write(room: Room, user: User, text: str = "hello", **fields: Any) -> Message:
    """A message of somebody's."""
    sent = sending.send_one(Draft(room_id=room.pk, user_id=user.pk, text=text, cid=uuid4(), **fields))
    message: Message = Message.objects.get(pk=sent.message_id)
    return message
