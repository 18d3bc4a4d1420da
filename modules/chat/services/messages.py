"""Messages after they were sent: editing and deleting them, and handing all of a room's out."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from events import publish
from events.redacting import redact
from modules.chat import events, rights, selectors, telling
from modules.chat.choices import Role
from modules.chat.exceptions import (
    EditWindowOver,
    MessageDeleted,
    MessageNotFound,
    Muted,
    NotAMember,
    RightMissing,
    RoomArchived,
    TooFast,
    TooManyEdits,
)
from modules.chat.joining import name_of
from modules.chat.models import (
    ChatFile,
    Member,
    Mention,
    Message,
    MessageEdit,
    MessageLink,
    Reaction,
    ThreadFollower,
)
from modules.chat.pacing import guest_policy, pace, sender_policy
from modules.chat.previewing import links_in, note_links
from modules.chat.rights import Action
from modules.chat.services.noting import note
from modules.chat.streams import room_stream
from modules.chat.text import ALL, checked_text, mentioned
from users.models import User

MAX_EDITS = 100


class _Meant(NamedTuple):
    """Who a text means: people of the room, and whether everybody in it."""

    people: list[UUID]
    everybody: bool


def edit_message(*, member: Member, message: Message, text: str) -> Message:
    """Change what one's own message says; what it said before is kept. The same text again changes nothing.

    Raises RightMissing for somebody else's, MessageDeleted, RoomArchived, Muted, EditWindowOver, TooManyEdits, TooFast, Invalid.
    Publishes message.updated, and chat.mentioned to who is meant for the first time.
    """
    if message.sender_id != member.user_id:
        raise RightMissing
    check_may_change(member, Action.EDIT_OWN, silenced=True)
    checked_text(text, may_be_empty=message.file_count > 0)
    with transaction.atomic():
        # Before the message's row, as sending does.
        _pace(member)
        found = locked(message)
        if timezone.now() > found.created_at + timedelta(minutes=settings.CHAT_EDIT_MINUTES):
            raise EditWindowOver
        if text == found.text:
            return found
        earlier = list(MessageEdit.objects.filter(message=found).values_list("text", flat=True))
        if len(earlier) >= MAX_EDITS:
            raise TooManyEdits
        MessageEdit.objects.create(message=found, text=found.text)
        before = _Meant(found.mentions, found.mentions_all)
        meant = _meant(member, text)
        found.text, found.edited_at = text, timezone.now()
        found.mentions, found.mentions_all = meant
        links = links_in(text)
        found.previews = [one for one in found.previews if one["url"] in links]
        found.save(update_fields=["text", "edited_at", "mentions", "mentions_all", "previews"])
        _change_mentions(found, before, meant, earlier)
        if len(found.previews) < len(links):
            note_links([found])
        telling.message_updated(found)
    return found


def delete_message(*, member: Member, message: Message, actor: User) -> None:
    """Make a message a tombstone: its content, files, mentions, reactions and earlier texts are gone; its thread stays.

    One's own, or as a moderator anybody's. Twice is harmless. Raises RightMissing, RoomArchived. Publishes message.deleted.
    """
    is_own = message.sender_id == member.user_id
    check_may_change(member, Action.DELETE_OWN if is_own else Action.DELETE_ANY)
    with transaction.atomic():
        try:
            found = locked(message)
        except MessageDeleted:
            return
        _empty(found, member.user_id)
        publish(
            events.MessageDeleted(found.pk, found.room_id, found.number, found.root_id, member.user_id),
            stream=room_stream(found.room_id),
        )
        if not is_own:
            note("message_deleted", member.room, actor, {"message": str(found.pk), "sender": str(found.sender_id)})


def export_messages(*, member: Member, actor: User) -> Iterator[Message]:
    """All messages of a room, the oldest first, read in steps while they are handed out. Raises RightMissing."""
    rights.check(member.room, member, Action.EXPORT)
    note("room_exported", member.room, actor)
    return selectors.every_message(member)


def locked(message: Message) -> Message:
    """The message, until the end of the transaction nobody else's to change. Raises MessageDeleted, MessageNotFound."""
    found: Message | None = Message.objects.select_for_update(no_key=True).filter(pk=message.pk).first()
    if found is None:
        # Retention was quicker.
        raise MessageNotFound
    if found.deleted_at is not None:
        raise MessageDeleted
    return found


def check_may_change(member: Member, action: Action, *, silenced: bool = False) -> None:
    """Whether a member may do it in the room as it is; `silenced` says that who was muted may not.

    Raises RightMissing, RoomArchived, Muted.
    """
    rights.check(member.room, member, action)
    if member.room.archived_at is not None:
        raise RoomArchived
    if silenced and member.is_muted:
        raise Muted


def _pace(member: Member) -> None:
    """Everybody in the room hears of an edit: it counts as a message. Raises TooFast, NotAMember."""
    found: Member | None = Member.objects.select_for_update(no_key=True).filter(pk=member.pk).first()
    if found is None:
        raise NotAMember
    policy = guest_policy() if found.role == Role.GUEST else sender_policy()
    paced = pace(policy, found.paced_until, timezone.now())
    if not paced.passes:
        raise TooFast(retry_after=paced.wait.total_seconds())
    found.paced_until = paced.until
    found.save(update_fields=["paced_until"])


def _meant(member: Member, text: str) -> _Meant:
    names = list(mentioned(text))
    everybody = any(name in ALL for name in names) and rights.may(member.room.kind, member.role, Action.MENTION_ALL)
    named = [name for name in names if name not in ALL]
    if not named:
        return _Meant([], everybody)
    people = User.objects.annotate(named=Lower("username")).filter(named__in=named, chat_memberships__room_id=member.room_id)
    found: dict[str, UUID] = dict(people.values_list("named", "pk"))
    return _Meant([found[name] for name in named if name in found], everybody)


def _change_mentions(message: Message, before: _Meant, meant: _Meant, earlier: Sequence[str]) -> None:
    """Who is not meant any more is forgotten; who is meant now is told, unless an earlier text told them."""
    gone = set(before.people) - set(meant.people)
    Mention.objects.filter(message=message, user_id__in=gone).delete()
    if before.everybody and not meant.everybody:
        Mention.objects.filter(message=message, user=None).delete()
    new: list[UUID | None] = [user for user in meant.people if user not in before.people and user != message.sender_id]
    if meant.everybody and not before.everybody:
        new.append(None)
    if not new:
        return
    root = message.root
    number = message.number if root is None else root.number
    Mention.objects.bulk_create([Mention(room_id=message.room_id, message=message, user_id=user, number=number) for user in new])
    people = [user for user in new if user is not None]
    if root is not None:
        followers = [ThreadFollower(root=root, room_id=message.room_id, user_id=user) for user in people]
        ThreadFollower.objects.bulk_create(followers, ignore_conflicts=True)
    _tell_meant(message, people, {name for text in earlier for name in mentioned(text)})


def _tell_meant(message: Message, people: Sequence[UUID], told: set[str]) -> None:
    sender = message.sender
    if sender is None or not people:
        return
    author = events.AuthorShown(sender.pk, name_of(sender), message.is_bot)
    meant = events.ChatMentioned(message.room_id, message.pk, message.number, message.root_id, author)
    for user, name in User.objects.filter(pk__in=people).values_list("pk", Lower("username")):
        if name not in told:
            publish(meant, stream=f"user:{user}")


def _empty(message: Message, by: UUID) -> None:
    message.text, message.previews, message.reactions = "", [], {}
    message.mentions, message.mentions_all, message.file_count = [], False, 0
    message.pinned_at, message.pinned_by = None, None
    message.deleted_at, message.deleted_by_id = timezone.now(), by
    message.save()
    for rows in (MessageEdit, Reaction, Mention, MessageLink):
        rows.objects.filter(message=message).delete()
    redact(
        stream=room_stream(message.room_id),
        since=message.created_at,
        types=("message.created", "message.updated"),
        field="message",
        value=str(message.pk),
        blank={"text": "", "files": [], "mentions": [], "previews": []},
    )
    # Nobody's: its content is removed by housekeeping, and until then nobody can fetch it or send it again.
    ChatFile.objects.filter(message=message).abandon()
