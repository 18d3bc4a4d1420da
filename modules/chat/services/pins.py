"""Pinned messages: few, and seen by everybody in the room."""

from django.db import transaction
from django.utils import timezone

from events import publish
from modules.chat.events import MessagePinned
from modules.chat.exceptions import TooManyPins
from modules.chat.joining import living
from modules.chat.models import Member, Message
from modules.chat.rights import Action
from modules.chat.services.messages import check_may_change, locked
from modules.chat.services.noting import note
from modules.chat.streams import room_stream
from users.models import User

MAX_PINS = 50


def pin_message(*, member: Member, message: Message, actor: User) -> Message:
    """Pin a message; twice is once. Raises RightMissing, RoomArchived, MessageDeleted, TooManyPins. Publishes message.pinned."""
    check_may_change(member, Action.PIN)
    with transaction.atomic():
        room = living(member.room_id)
        found = locked(message)
        if found.pinned_at is None:
            if Message.objects.filter(room=room, pinned_at__isnull=False).count() >= MAX_PINS:
                raise TooManyPins
            found.pinned_at, found.pinned_by_id = timezone.now(), member.user_id
            _changed(found, member, actor)
    return found


def unpin_message(*, member: Member, message: Message, actor: User) -> Message:
    """Take a pin off; twice is once. Raises RightMissing, RoomArchived, MessageDeleted. Publishes message.pinned."""
    check_may_change(member, Action.PIN)
    with transaction.atomic():
        found = locked(message)
        if found.pinned_at is not None:
            found.pinned_at, found.pinned_by = None, None
            _changed(found, member, actor)
    return found


def _changed(message: Message, member: Member, actor: User) -> None:
    message.save(update_fields=["pinned_at", "pinned_by"])
    is_pinned = message.pinned_at is not None
    publish(
        MessagePinned(message.pk, message.room_id, message.number, is_pinned, member.user_id),
        stream=room_stream(message.room_id),
    )
    note("message_pinned" if is_pinned else "message_unpinned", member.room, actor, {"message": str(message.pk)})
