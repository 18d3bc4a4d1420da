"""Publishing what happened to rooms and their members, on the room's stream and on those of the people it concerns."""

from dataclasses import replace
from uuid import UUID

from core.principals import announce_change
from events import frames, publish
from events.publishing import MAX_PAYLOAD_BYTES, Published
from modules.chat import events
from modules.chat.choices import History
from modules.chat.models import Member, Message, Room
from modules.chat.streams import room_stream

# Members who are told by their own streams that a room is gone: with more, the streams would not be locked in one order.
MAX_TOLD = 150


def room_updated(room: Room) -> None:
    """A room has other settings."""
    publish(
        events.RoomUpdated(
            room.pk,
            room.kind,  # type: ignore[arg-type]  # one of its choices
            room.name,
            room.topic,
            room.join_rule,  # type: ignore[arg-type]
            room.history,  # type: ignore[arg-type]
            room.slow_mode_seconds,
            room.retention_days,
            room.archived_at is not None,
        ),
        stream=room_stream(room.pk),
    )


def room_deleted(room: Room, by: UUID) -> None:
    """A room is gone: who follows it hears so, and its members by their own streams, as far as one statement takes them."""
    for user_id in Member.objects.filter(room=room).order_by("joined_at", "id").values_list("user_id", flat=True)[:MAX_TOLD]:
        publish(events.ChatRoomRemoved(room.pk, "deleted"), stream=f"user:{user_id}")
    publish(events.RoomDeleted(room.pk, by), stream=room_stream(room.pk))


def member_joined(room: Room, member: Member, name: str) -> Published:
    """Somebody came in: the room hears it, and so does the person."""
    added = events.ChatRoomAdded(room.pk, room.kind, room.name, member.role)  # type: ignore[arg-type]  # of its choices
    publish(added, stream=f"user:{member.user_id}")
    joined = events.MemberJoined(room.pk, member.user_id, name, member.role)  # type: ignore[arg-type]
    return publish(joined, stream=room_stream(room.pk))


def member_updated(member: Member) -> None:
    """Somebody has another role, or another word of a moderator."""
    updated = events.MemberUpdated(member.room_id, member.user_id, member.role, member.muted_until)  # type: ignore[arg-type]
    publish(updated, stream=room_stream(member.room_id))


def member_left(room_id: UUID, user_id: UUID, reason: str) -> None:
    """Somebody is out: sockets that follow the room's stream are asked anew, in every process."""
    publish(events.MemberLeft(room_id, user_id, reason), stream=room_stream(room_id))  # type: ignore[arg-type]
    publish(events.ChatRoomRemoved(room_id, reason), stream=f"user:{user_id}")  # type: ignore[arg-type]
    announce_change("user", user_id)


def message_updated(message: Message) -> None:
    """A message says something else, or has the previews of its links.

    Without them where the event would be too large; without a text where some who follow may not see it: it is loaded then.
    """
    text = None if _is_hidden_from_some(message) else message.text
    previews = [events.PreviewShown(one["url"], one["title"], one["description"], one["site_name"]) for one in message.previews]
    updated = events.MessageUpdated(
        message.pk,
        message.room_id,
        message.number,
        message.root_id,
        text,
        message.mentions,
        message.mentions_all,
        message.edited_at,
        [] if text is None else previews,
    )
    if len(frames.encode(updated)) > MAX_PAYLOAD_BYTES:
        updated = replace(updated, previews=[])
    publish(updated, stream=room_stream(message.room_id))


def _is_hidden_from_some(message: Message) -> bool:
    """Whether somebody came into the room after it, where members see nothing of before."""
    room = message.room
    return room.history == History.SINCE_JOINING and Member.objects.filter(room=room, joined_at__gte=message.created_at).exists()
