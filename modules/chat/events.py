"""What chat tells. On the stream `room:<id>` what happens in a room; on `user:<id>` what concerns one person alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

_ID = "0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a44"
_MOMENT = "2026-01-05T09:00:00Z"
ROOM = ("room",)
RoomID = Annotated[UUID, Meta(description="The room's id.", examples=[_ID])]
MessageID = Annotated[UUID, Meta(description="The message's id.", examples=[_ID])]
UserID = Annotated[UUID, Meta(description="The person's account.", examples=[_ID])]
Number = Annotated[int, Meta(description="The message's place in the room, or in its thread.", examples=[1044])]
RootID = Annotated[UUID | None, Meta(description="The message whose thread it is in; null in the room itself.", examples=[None])]
Moment = Annotated[datetime, Meta(tz=True, description="When, UTC.", examples=[_MOMENT])]
By = Annotated[UUID | None, Meta(description="Who did it; null for the system.", examples=[_ID])]
Kind = Annotated[Literal["public", "private", "direct", "group", "broadcast"], Meta(description="Its kind.", examples=["group"])]
RoleName = Annotated[
    Literal["owner", "admin", "moderator", "member", "guest", "read_only"], Meta(description="The role.", examples=["member"])
]


@dataclass(frozen=True, slots=True)
class AuthorShown:
    """Who wrote a message."""

    user: Annotated[UUID | None, Meta(description="The account; null for a webhook or a deleted account.", examples=[_ID])]
    name: Annotated[str, Meta(description="How the author appears.", examples=["Ada"])]
    is_bot: Annotated[bool, Meta(description="Whether a key or a webhook wrote it.", examples=[False])]


@dataclass(frozen=True, slots=True)
class FileShown:
    """A file of a message."""

    id: Annotated[UUID, Meta(description="The file's id.", examples=[_ID])]
    kind: Annotated[Literal["image", "file"], Meta(description="How to show it.", examples=["image"])]
    filename: Annotated[str, Meta(description="Its name.", examples=["boat.jpg"])]
    mime_type: Annotated[str, Meta(description="What its content is.", examples=["image/jpeg"])]
    size: Annotated[int, Meta(description="Bytes.", examples=[48211])]
    width: Annotated[int | None, Meta(description="Pixels, of a picture.", examples=[1200])]
    height: Annotated[int | None, Meta(description="Pixels, of a picture.", examples=[800])]
    blurhash: Annotated[
        str, Meta(description="What to show until a picture is there.", examples=["LEHV6nWB2yk8pyo0adR*.7kCMdnj"])
    ]


@dataclass(frozen=True, slots=True)
class PreviewShown:
    """What a linked page says of itself."""

    url: Annotated[str, Meta(description="The address.", examples=["https://example.com/"])]
    title: Annotated[str, Meta(description="Its title.", examples=["Example"])]
    description: Annotated[str, Meta(description="Its description; may be empty.", examples=["An example."])]
    site_name: Annotated[str, Meta(description="The site's name; may be empty.", examples=["Example"])]


@event_type("message.created", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MessageCreated:
    """Somebody wrote."""

    message: MessageID
    room: RoomID
    number: Number
    root: RootID
    author: AuthorShown
    text: Annotated[str, Meta(description="The text, as it was written: never HTML.", examples=["Hello"])]
    cid: Annotated[UUID | None, Meta(description="What its sender's client called it.", examples=[_ID])]
    reply_to: Annotated[UUID | None, Meta(description="The message it answers.", examples=[None])]
    mentions: Annotated[list[UUID], Meta(description="Who is meant.", examples=[[_ID]])]
    mentions_all: Annotated[bool, Meta(description="Whether everybody in the room is meant.", examples=[False])]
    files: Annotated[list[FileShown], Meta(description="Its files.", examples=[[]])]
    created_at: Moment


@event_type("message.updated", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MessageUpdated:
    """A message was edited, or the previews of its links are there."""

    message: MessageID
    room: RoomID
    number: Number
    root: RootID
    text: Annotated[
        str | None,
        Meta(description="What it says now; null where not all who follow may see it: load the message.", examples=["Hello!"]),
    ]
    mentions: Annotated[list[UUID], Meta(description="Who is meant now.", examples=[[_ID]])]
    mentions_all: Annotated[bool, Meta(description="Whether everybody is meant now.", examples=[False])]
    edited_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When its text changed last; null if never.", examples=[_MOMENT]),
    ]
    previews: Annotated[list[PreviewShown], Meta(description="What linked pages say of themselves.", examples=[[]])]


@event_type("message.deleted", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message is a tombstone now."""

    message: MessageID
    room: RoomID
    number: Number
    root: RootID
    by: By


@event_type("message.pinned", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MessagePinned:
    """A message was pinned, or is not any more."""

    message: MessageID
    room: RoomID
    number: Number
    is_pinned: Annotated[bool, Meta(description="Whether it is pinned now.", examples=[True])]
    by: By


@event_type("message.reaction", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MessageReaction:
    """Somebody reacted to a message, or took it back."""

    message: MessageID
    room: RoomID
    number: Number
    root: RootID
    user: UserID
    emoji: Annotated[str, Meta(description="The emoji.", examples=["👍"])]
    added: Annotated[bool, Meta(description="Whether it was added or taken back.", examples=[True])]
    count: Annotated[int, Meta(description="How many have it now.", examples=[3])]


@event_type("room.updated", streams=ROOM)
@dataclass(frozen=True, slots=True)
class RoomUpdated:
    """A room has other settings."""

    room: RoomID
    kind: Kind
    name: Annotated[str, Meta(description="Its name.", examples=["Harbour"])]
    topic: Annotated[str, Meta(description="What it is about; may be empty.", examples=["Boats"])]
    join_rule: Annotated[Literal["open", "request", "invite"], Meta(description="How people come in.", examples=["open"])]
    history: Annotated[Literal["all", "since_joining"], Meta(description="What members see of the past.", examples=["all"])]
    slow_mode_seconds: Annotated[int, Meta(description="The pause between two messages of a member.", examples=[0])]
    retention_days: Annotated[int | None, Meta(description="How long messages are kept; null for ever.", examples=[None])]
    is_archived: Annotated[bool, Meta(description="Whether nothing changes in it any more.", examples=[False])]


@event_type("room.deleted", streams=ROOM)
@dataclass(frozen=True, slots=True)
class RoomDeleted:
    """A room is gone."""

    room: RoomID
    by: By


@event_type("member.joined", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MemberJoined:
    """Somebody came in."""

    room: RoomID
    user: UserID
    name: Annotated[str, Meta(description="How the person appears.", examples=["Ada"])]
    role: RoleName


@event_type("member.updated", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MemberUpdated:
    """Somebody has another role, was muted or may speak again."""

    room: RoomID
    user: UserID
    role: RoleName
    muted_until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Until when the person is silent; null if not.", examples=[None]),
    ]


@event_type("member.left", streams=ROOM)
@dataclass(frozen=True, slots=True)
class MemberLeft:
    """Somebody is not in the room any more."""

    room: RoomID
    user: UserID
    reason: Annotated[Literal["left", "removed", "banned"], Meta(description="Why.", examples=["left"])]


@event_type("chat.room.added")
@dataclass(frozen=True, slots=True)
class ChatRoomAdded:
    """One is in a room now: follow `room:<id>`."""

    room: RoomID
    kind: Kind
    name: Annotated[str, Meta(description="Its name; empty for a direct one.", examples=["Harbour"])]
    role: RoleName


@event_type("chat.room.removed")
@dataclass(frozen=True, slots=True)
class ChatRoomRemoved:
    """One is not in a room any more."""

    room: RoomID
    reason: Annotated[Literal["left", "removed", "banned", "deleted"], Meta(description="Why.", examples=["left"])]


@event_type("chat.read")
@dataclass(frozen=True, slots=True)
class ChatRead:
    """One read further, on another device."""

    room: RoomID
    root: RootID
    number: Annotated[int, Meta(description="The newest message read.", examples=[1044])]


@event_type("chat.mentioned")
@dataclass(frozen=True, slots=True)
class ChatMentioned:
    """One was meant by a message."""

    room: RoomID
    message: MessageID
    number: Number
    root: RootID
    author: AuthorShown


@event_type("chat.invited")
@dataclass(frozen=True, slots=True)
class ChatInvited:
    """One was invited to a room."""

    invitation: Annotated[UUID, Meta(description="The invitation's id.", examples=[_ID])]
    room: RoomID
    name: Annotated[str, Meta(description="The room's name.", examples=["Harbour"])]
    by: By


@event_type("chat.request.created")
@dataclass(frozen=True, slots=True)
class ChatRequestCreated:
    """Somebody asks to join a room that one looks after."""

    request: Annotated[UUID, Meta(description="The request's id.", examples=[_ID])]
    room: RoomID
    user: UserID


@event_type("chat.request.decided")
@dataclass(frozen=True, slots=True)
class ChatRequestDecided:
    """A request of one's own was decided."""

    request: Annotated[UUID, Meta(description="The request's id.", examples=[_ID])]
    room: RoomID
    accepted: Annotated[bool, Meta(description="Whether one is in the room now.", examples=[True])]


@event_type("chat.reported")
@dataclass(frozen=True, slots=True)
class ChatReported:
    """A message was reported in a room that one looks after."""

    report: Annotated[UUID, Meta(description="The report's id.", examples=[_ID])]
    room: RoomID
    message: MessageID
    reason: Annotated[Literal["spam", "abuse", "illegal", "other"], Meta(description="Why.", examples=["spam"])]
