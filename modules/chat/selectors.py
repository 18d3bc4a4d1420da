"""Reads over rooms, members and messages; each asks who is reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, prefetch_related_objects

from modules.chat.choices import History, Role
from modules.chat.exceptions import MessageNotFound, NotAMember, ReportNotFound, RoomNotFound
from modules.chat.models import Member, Mention, Message, Reaction, Report, Room
from modules.chat.rights import Action, may
from users.models import User, UserProfile

MAX_PAGE = 100
MAX_KEEPERS = 50
EXPORT_STEP = 500
_UNREAD = """
SELECT m.room_id, greatest(0, r.last_number - m.read_number),
       (SELECT count(*) FROM (SELECT 1 FROM chat_mention n WHERE n.room_id = m.room_id AND n.user_id = m.user_id
        AND n.number > m.read_number LIMIT %(most)s) AS own)
       + (SELECT count(*) FROM (SELECT 1 FROM chat_mention n WHERE n.room_id = m.room_id AND n.user_id IS NULL
        AND n.number > m.read_number LIMIT %(most)s) AS everybody),
       (SELECT count(*) FROM chat_threadfollower f JOIN chat_message t ON t.id = f.root_id
        WHERE f.user_id = m.user_id AND f.room_id = m.room_id AND t.reply_count > f.read_number AND t.deleted_at IS NULL),
       m.read_number, r.last_number
FROM chat_member m JOIN chat_room r ON r.id = m.room_id
WHERE m.user_id = %(user)s AND r.deleted_at IS NULL AND (%(rooms)s::uuid[] IS NULL OR m.room_id = ANY(%(rooms)s::uuid[]))
ORDER BY r.last_message_at DESC NULLS LAST, r.id LIMIT %(limit)s
"""
MAX_COUNTED_MENTIONS = 100
_NOT_SHOWN = (
    *(f"sender__{field.name}" for field in User._meta.concrete_fields if field.name not in ("id", "username")),
    *(
        f"sender__profile__{field.name}"
        for field in UserProfile._meta.concrete_fields
        if field.name not in ("user", "display_name")
    ),
)
MAX_UNREAD_ROOMS = 1000


class Unread(NamedTuple):
    """What somebody has not read in a room; mentions count up to twice MAX_COUNTED_MENTIONS, `threads` are those with news."""

    room: UUID
    messages: int
    mentions: int
    threads: int
    read_number: int
    last_number: int


@dataclass(frozen=True, slots=True)
class Page:
    """Messages by number, oldest first; `has_before` and `has_after` say whether there are more on that side."""

    messages: Sequence[Message]
    has_before: bool
    has_after: bool


def room_for(user_id: UUID, room_id: UUID) -> Room:
    """A room that somebody sees. Raises RoomNotFound."""
    room: Room | None = Room.objects.visible_to(user_id=user_id).filter(pk=room_id).first()
    if room is None:
        raise RoomNotFound
    return room


def member_of(room_id: UUID, user_id: UUID) -> Member:
    """Somebody's place in a room, with the room. Raises NotAMember."""
    member: Member | None = (
        Member.objects.filter(room_id=room_id, user_id=user_id, room__deleted_at=None).select_related("room").first()
    )
    if member is None:
        raise NotAMember
    return member


def keepers(room: Room, action: Action, *, without: UUID | None = None) -> list[UUID]:
    """Those who may do something in a room and are told that there is something to do: the eldest, at most MAX_KEEPERS."""
    roles = [role for role in Role if may(room.kind, role, action)]
    found = Member.objects.filter(room=room, role__in=roles).exclude(user_id=without).order_by("joined_at", "id")
    return list(found.values_list("user_id", flat=True)[:MAX_KEEPERS])


def place_of(room_id: UUID, user_id: UUID) -> Member:
    """The same for who asks from outside: raises RoomNotFound for a room that the caller does not see, else NotAMember."""
    try:
        return member_of(room_id, user_id)
    except NotAMember:
        room_for(user_id, room_id)
        raise


def visible_messages(member: Member) -> QuerySet[Message]:
    """The room's messages that this member sees, those of threads too."""
    found: QuerySet[Message] = Message.objects.filter(room_id=member.room_id)
    if member.room.history == History.SINCE_JOINING:
        # Answers in old threads are new messages, and numbered there.
        in_room = Q(root=None, number__gt=member.joined_number)
        found = found.filter(in_room | Q(root__isnull=False, created_at__gte=member.joined_at))
    return found


def message_for(member: Member, message_id: UUID) -> Message:
    """One message that this member sees. Raises MessageNotFound."""
    message: Message | None = visible_messages(member).filter(pk=message_id).first()
    if message is None:
        raise MessageNotFound
    return message


def shown_message(member: Member, message_id: UUID) -> Message:
    """The same with all that is shown of it. Raises MessageNotFound."""
    message: Message | None = whole(visible_messages(member)).filter(pk=message_id).first()
    if message is None:
        raise MessageNotFound
    return message


def root_for(member: Member, message_id: UUID) -> Message:
    """The same where it may be the root of a thread: answers in threads have none. Raises MessageNotFound."""
    message = message_for(member, message_id)
    if message.root_id is not None:
        raise MessageNotFound
    return message


def whole(messages: QuerySet[Message]) -> QuerySet[Message]:
    """With what is shown of a message but its files (`with_files`); of its sender the name alone: making the rest is dear."""
    return messages.select_related("sender__profile").defer(*_NOT_SHOWN)


def with_files(messages: Sequence[Message]) -> None:
    """Load the files of those that have any, in one query; in none where none has."""
    prefetch_related_objects([message for message in messages if message.file_count], "files")


def readable(user_id: UUID, messages: QuerySet[Message]) -> QuerySet[Message]:
    """Those of messages in any rooms that somebody sees now."""
    own = Member.objects.filter(user_id=user_id, room_id=OuterRef("room_id"), room__deleted_at=None)
    return messages.filter(Exists(own.filter(Q(room__history=History.ALL) | Q(joined_at__lte=OuterRef("created_at")))))


def history(
    member: Member,
    *,
    root: Message | None = None,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> Page:
    """A page of a room, or of a thread: the newest, those before or after a number, or those around one.

    Its cost does not depend on where it is: numbers are an index.
    """
    timeline: QuerySet[Message] = (
        Message.objects.filter(root=root) if root else Message.objects.filter(room_id=member.room_id, root=None)
    )
    if member.room.history == History.SINCE_JOINING:
        timeline = timeline.filter(Q(number__gt=member.joined_number) if root is None else Q(created_at__gte=member.joined_at))
    timeline = whole(timeline)
    limit = min(limit, MAX_PAGE)
    if around is not None:
        older = list(timeline.filter(number__lt=around).order_by("-number")[: limit // 2 + 1])
        newer = list(timeline.filter(number__gte=around).order_by("number")[: limit - limit // 2 + 1])
        has_before, has_after = len(older) > limit // 2, len(newer) > limit - limit // 2
        return Page([*reversed(older[: limit // 2]), *newer[: limit - limit // 2]], has_before, has_after)
    if after is not None:
        newer = list(timeline.filter(number__gt=after).order_by("number")[: limit + 1])
        return Page(newer[:limit], timeline.filter(number__lte=after).exists(), len(newer) > limit)
    found = timeline if before is None else timeline.filter(number__lt=before)
    older = list(found.order_by("-number")[: limit + 1])
    has_after = before is not None and timeline.filter(number__gte=before).exists()
    return Page(list(reversed(older[:limit])), len(older) > limit, has_after)


def own_reactions(user_id: UUID, messages: Sequence[Message]) -> dict[UUID, list[str]]:
    """What somebody reacted with to each of the messages, in one query; none where none of them has reactions."""
    reacted = [message.pk for message in messages if message.reactions]
    mine: dict[UUID, list[str]] = {}
    if reacted:
        for message, emoji in Reaction.objects.filter(message_id__in=reacted, user_id=user_id).values_list("message_id", "emoji"):
            mine.setdefault(message, []).append(emoji)
    return mine


def unread(user_id: UUID, rooms: Sequence[UUID] | None = None) -> list[Unread]:
    """What somebody has not read, of all rooms or of some, in one query; the rooms with the newest messages first."""
    values: dict[str, Any] = {
        "user": user_id,
        "rooms": list(rooms) if rooms is not None else None,
        "most": MAX_COUNTED_MENTIONS,
        "limit": MAX_UNREAD_ROOMS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, values)
        return [Unread(*row) for row in cursor.fetchall()]


def pinned(member: Member) -> list[Message]:
    """A room's pinned messages, the last pinned first; there are few of them."""
    return list(whole(visible_messages(member)).filter(pinned_at__isnull=False).order_by("-pinned_at", "-id"))


def followed_threads(user_id: UUID) -> QuerySet[Message]:
    """The roots of the threads that somebody follows and that have answers; `read_number` is the newest answer read."""
    followed: QuerySet[Message] = Message.objects.filter(followers__user_id=user_id, last_reply_at__isnull=False, deleted_at=None)
    return whole(readable(user_id, followed.annotate(read_number=F("followers__read_number"))))


def mentions_of(user_id: UUID) -> QuerySet[Mention]:
    """Where somebody was meant by name, in rooms that the person is in."""
    own = Member.objects.filter(user_id=user_id, room_id=OuterRef("room_id"), room__deleted_at=None)
    seen = own.filter(Q(room__history=History.ALL) | Q(joined_at__lte=OuterRef("message__created_at")))
    found: QuerySet[Mention] = Mention.objects.filter(Exists(seen), user_id=user_id)
    return found.select_related("message__sender__profile")


def every_message(member: Member) -> Iterator[Message]:
    """All messages that a member sees, those of threads too, the oldest first.

    Each step is one keyset query, so a room of any length costs little memory and holds no transaction open.
    """
    ordered = whole(visible_messages(member)).order_by("created_at", "id")
    position: Message | None = None
    while True:
        page = ordered
        if position is not None:
            page = page.filter(created_at__gte=position.created_at).filter(
                Q(created_at__gt=position.created_at) | Q(id__gt=position.pk)
            )
        rows = list(page[:EXPORT_STEP])
        with_files(rows)
        yield from rows
        if len(rows) < EXPORT_STEP:
            return
        position = rows[-1]


def report_for(user_id: UUID, report_id: UUID) -> Report:
    """A report in a room that somebody is in; whether it is the caller's to handle is another question. Raises ReportNotFound."""
    mine = Member.objects.filter(user_id=user_id, room__deleted_at=None).values("room_id")
    report: Report | None = Report.objects.filter(pk=report_id, room_id__in=mine).first()
    if report is None:
        raise ReportNotFound
    return report
