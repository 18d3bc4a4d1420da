"""Taking messages: many in one transaction, each by itself.

The room's row is locked from the first statement to the commit: that numbers its messages without gaps, and makes a message that
is sent twice under one `cid` one message. All rules are asked behind the lock. A refused message refuses none of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from core.exceptions import DomainError, Invalid
from core.ids import uuid7
from core.limits import Policy, limiter, parse_policy
from events import publish
from events.publishing import Published
from modules.chat import rights
from modules.chat.choices import History, Role
from modules.chat.events import AuthorShown, ChatMentioned, FileShown, MessageCreated
from modules.chat.exceptions import Muted, RightMissing, RoomArchived, RoomNotFound, SlowMode, TooFast
from modules.chat.models import ChatFile, Mention, Message
from modules.chat.models.message import MAX_FILES
from modules.chat.rights import Action
from modules.chat.streams import room_stream
from modules.chat.text import ALL, checked_text, mentioned

# The values behind the lock are those of the newest commit; the senders' rows are read with them.
_PLACES = """
SELECT r.id, m.user_id, m.id, r.kind, r.history, r.last_number, r.slow_mode_seconds, r.archived_at IS NOT NULL, m.role,
       m.muted_until, m.last_sent_at, m.joined_number, coalesce(nullif(p.display_name, ''), u.username)
FROM unnest(%s::uuid[], %s::uuid[]) AS asked(room, member)
JOIN chat_room r ON r.id = asked.room AND r.deleted_at IS NULL
JOIN chat_member m ON m.room_id = r.id AND m.user_id = asked.member
JOIN users_user u ON u.id = m.user_id
LEFT JOIN users_userprofile p ON p.user_id = u.id
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
_KNOWN = """
SELECT m.room_id, m.sender_id, m.cid, m.id, m.number FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS asked(room, sender, cid)
JOIN chat_message m ON m.room_id = asked.room AND m.sender_id = asked.sender AND m.cid = asked.cid
"""
_RELATED = (
    "SELECT id, room_id, number, root_id, reply_count, deleted_at IS NOT NULL, sender_id FROM chat_message WHERE id = ANY(%s)"
)
_NAMED = """
SELECT m.room_id, lower(u.username), u.id FROM unnest(%s::uuid[], %s::text[]) AS asked(room, name)
JOIN users_user u ON lower(u.username) = asked.name JOIN chat_member m ON m.room_id = asked.room AND m.user_id = u.id
"""
_WRITE = """
WITH written AS (
  INSERT INTO chat_message SELECT * FROM json_populate_recordset(NULL::chat_message, %(messages)s)
), numbered AS (
  UPDATE chat_room r SET last_number = v.number, last_message_at = %(now)s
  FROM json_to_recordset(%(rooms)s) AS v(id uuid, number bigint) WHERE r.id = v.id
)
UPDATE chat_member m SET last_sent_at = %(now)s, read_number = greatest(m.read_number, v.number), read_at = %(now)s
FROM json_to_recordset(%(members)s) AS v(id uuid, number bigint) WHERE m.id = v.id
"""
_THREADS = """
WITH counted AS (
  UPDATE chat_message m SET reply_count = v.number, last_reply_at = %(now)s
  FROM json_to_recordset(%(roots)s) AS v(id uuid, number bigint) WHERE m.id = v.id
)
INSERT INTO chat_threadfollower AS kept (id, root_id, room_id, user_id, read_number, created_at)
SELECT v.id, v.root, v.room, v.member, v.number, %(now)s
FROM json_to_recordset(%(followers)s) AS v(id uuid, root uuid, room uuid, member uuid, number bigint)
ON CONFLICT (root_id, user_id) DO UPDATE SET read_number = greatest(kept.read_number, excluded.read_number)
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent. `root_id` names the thread it goes to, `reply_to` the message it answers."""

    room_id: UUID
    user_id: UUID
    text: str = ""
    cid: UUID | None = None
    root_id: UUID | None = None
    reply_to: UUID | None = None
    file_ids: tuple[UUID, ...] = ()
    is_bot: bool = False


@dataclass(slots=True)
class Sent:
    """A message that is there; `duplicate` says that it was before. Its `seq` is known when the transaction has committed."""

    message_id: UUID
    number: int
    duplicate: bool = False
    published: Published | None = None

    @property
    def seq(self) -> int | None:
        """Its event's place in the room's stream; None for a duplicate."""
        return self.published.seq if self.published is not None else None


class _Place(NamedTuple):
    """A sender in a room, as read behind the lock."""

    room_id: UUID
    user_id: UUID
    member_id: UUID
    kind: str
    history: str
    last_number: int
    slow_mode_seconds: int
    is_archived: bool
    role: str
    muted_until: datetime | None
    last_sent_at: datetime | None
    joined_number: int
    name: str


class _Related(NamedTuple):
    """A message that another one refers to."""

    id: UUID
    room_id: UUID
    number: int
    root_id: UUID | None
    reply_count: int
    is_deleted: bool
    sender_id: UUID | None


Outcome = Sent | DomainError


def send(drafts: Sequence[Draft]) -> list[Outcome]:
    """Send messages; what became of each, in their order.

    What each may come to: Invalid, RoomNotFound, RoomArchived, RightMissing, Muted, TooFast, SlowMode. A message of the same
    sender and `cid` in a room is sent once. Publishes message.created, and chat.mentioned to who is meant.
    """
    outcomes: dict[int, Outcome] = {}
    fit: dict[int, Draft] = {}
    for index, draft in enumerate(drafts):
        try:
            _check_content(draft)
            fit[index] = draft
        except DomainError as error:
            outcomes[index] = error
    if fit:
        with transaction.atomic():
            outcomes |= _Batch(fit).take()
    return [outcomes[index] for index in range(len(drafts))]


def send_one(draft: Draft) -> Sent:
    """Send one message. Raises what `send` says."""
    (outcome,) = send([draft])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _check_content(draft: Draft) -> None:
    checked_text(draft.text, may_be_empty=bool(draft.file_ids))
    if len(draft.file_ids) > MAX_FILES or len(set(draft.file_ids)) != len(draft.file_ids):
        raise Invalid.field("files", f"At most {MAX_FILES} different files.", "too_many")


@dataclass(slots=True)
class _Batch:
    """Messages that are taken together."""

    drafts: dict[int, Draft]
    now: datetime = field(default_factory=timezone.now)
    places: dict[tuple[UUID, UUID], _Place] = field(default_factory=dict)
    numbers: dict[UUID, int] = field(default_factory=dict)
    related: dict[UUID, _Related] = field(default_factory=dict)
    named: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    files: dict[UUID, ChatFile] = field(default_factory=dict)
    known: dict[tuple[UUID, UUID, UUID], Sent] = field(default_factory=dict)
    sent_at: dict[UUID, datetime] = field(default_factory=dict)

    def take(self) -> dict[int, Outcome]:
        """Read, decide, write."""
        self._read()
        outcomes: dict[int, Outcome] = {}
        accepted: list[tuple[int, Draft, Message]] = []
        # Within a room in the order of arrival.
        for index, draft in self.drafts.items():
            cid = (draft.room_id, draft.user_id, draft.cid) if draft.cid is not None else None
            if cid is not None and cid in self.known:
                before = self.known[cid]
                outcomes[index] = Sent(before.message_id, before.number, duplicate=True)
                continue
            try:
                message = self._decide(draft)
            except DomainError as error:
                outcomes[index] = error
                continue
            sent = Sent(message.pk, message.number)
            outcomes[index] = sent
            if cid is not None:
                self.known[cid] = sent
            accepted.append((index, draft, message))
        if accepted:
            self._write([(draft, message) for _, draft, message in accepted])
            for index, draft, message in accepted:
                outcome = outcomes[index]
                if isinstance(outcome, Sent):
                    outcome.published = self._tell(draft, message)
        return outcomes

    def _read(self) -> None:
        drafts = self.drafts.values()
        asked = sorted({(draft.room_id, draft.user_id) for draft in drafts})
        with connection.cursor() as cursor:
            cursor.execute(_PLACES, [[room for room, _ in asked], [user for _, user in asked]])
            for row in cursor.fetchall():
                place = _Place(*row)
                self.places[place.room_id, place.user_id] = place
                self.numbers[place.room_id] = place.last_number
            cids = [(draft.room_id, draft.user_id, draft.cid) for draft in drafts if draft.cid is not None]
            if cids:
                cursor.execute(_KNOWN, [list(column) for column in zip(*cids, strict=True)])
                self.known = {(room, user, cid): Sent(key, number) for room, user, cid, key, number in cursor.fetchall()}
            related = {key for draft in drafts for key in (draft.root_id, draft.reply_to) if key is not None}
            if related:
                cursor.execute(_RELATED, [list(related)])
                self.related = {row[0]: _Related(*row) for row in cursor.fetchall()}
            names = [(draft.room_id, name) for draft in drafts for name in mentioned(draft.text) if name not in ALL]
            if names:
                cursor.execute(_NAMED, [list(column) for column in zip(*names, strict=True)])
                self.named = {(room, name): user for room, name, user in cursor.fetchall()}
        files = {key for draft in drafts for key in draft.file_ids}
        if files:
            found = ChatFile.objects.select_for_update(no_key=True).filter(pk__in=files, message=None).order_by("pk")
            self.files = {file.pk: file for file in found}

    def _decide(self, draft: Draft) -> Message:
        """The message with its number. Raises why it is not taken."""
        place = self.places.get((draft.room_id, draft.user_id))
        if place is None:
            raise RoomNotFound
        self._check_place(place, draft)
        root = self._thread(place, draft)
        reply_to = self._answered(place, draft, root)
        for key in draft.file_ids:
            file = self.files.get(key)
            if file is None or file.owner_id != draft.user_id or file.message_id is not None:
                raise Invalid.field("files", "There is no such file, or it was sent already.", "does_not_exist")
        names = list(mentioned(draft.text))
        means_all = any(name in ALL for name in names) and rights.may(place.kind, place.role, Action.MENTION_ALL)
        self._check_pace(place)
        key = uuid7()
        for position, file_id in enumerate(draft.file_ids):
            file = self.files[file_id]
            file.room_id, file.message_id, file.position = draft.room_id, key, position
        return Message(
            id=key,
            room_id=draft.room_id,
            number=self._next_number(place, root),
            root_id=root.id if root else None,
            sender_id=draft.user_id,
            is_bot=draft.is_bot,
            text=draft.text,
            cid=draft.cid,
            reply_to_id=reply_to,
            mentions=list(dict.fromkeys(user for name in names if (user := self.named.get((draft.room_id, name))))),
            mentions_all=means_all,
            file_count=len(draft.file_ids),
            created_at=self.now,
        )

    def _check_place(self, place: _Place, draft: Draft) -> None:
        if place.is_archived:
            raise RoomArchived
        if place.muted_until is not None and place.muted_until > self.now:
            raise Muted
        if not rights.may(place.kind, place.role, Action.SEND):
            raise RightMissing
        if draft.file_ids and not rights.may(place.kind, place.role, Action.ATTACH):
            raise RightMissing

    def _check_pace(self, place: _Place) -> None:
        """Last: what is refused for another reason counts against no limit."""
        before = self.sent_at.get(place.member_id, place.last_sent_at)
        if place.slow_mode_seconds and before is not None and not rights.may(place.kind, place.role, Action.MUTE):
            wait = before + timedelta(seconds=place.slow_mode_seconds) - self.now
            if wait > timedelta():
                raise SlowMode(retry_after=wait.total_seconds())
        sender, room = (guest_policy() if place.role == Role.GUEST else sender_policy()), room_policy()
        for policy, key in ((sender, place.user_id), (room, place.room_id)):
            decision = limiter().take(policy, str(key))
            if not decision.admitted:
                raise TooFast(retry_after=decision.reset)
        self.sent_at[place.member_id] = self.now

    def _thread(self, place: _Place, draft: Draft) -> _Related | None:
        if draft.root_id is None:
            return None
        root = self.related.get(draft.root_id)
        if root is None or not _is_visible(place, root) or root.is_deleted:
            raise Invalid.field("root", "There is no such message in this room.", "does_not_exist")
        if root.root_id is not None:
            raise Invalid.field("root", "An answer in a thread has no thread of its own.", "not_a_root")
        return root

    def _answered(self, place: _Place, draft: Draft, root: _Related | None) -> UUID | None:
        if draft.reply_to is None:
            return None
        found = self.related.get(draft.reply_to)
        in_thread = found is not None and root is not None and (root.id in (found.id, found.root_id))
        if found is None or found.is_deleted or not (in_thread or (found.root_id is None and _is_visible(place, found))):
            raise Invalid.field("reply_to", "There is no such message in this room.", "does_not_exist")
        return found.id

    def _next_number(self, place: _Place, root: _Related | None) -> int:
        if root is not None:
            self.related[root.id] = root._replace(reply_count=root.reply_count + 1)
            return root.reply_count + 1
        self.numbers[place.room_id] += 1
        return self.numbers[place.room_id]

    def _write(self, accepted: Sequence[tuple[Draft, Message]]) -> None:
        messages = [message for _, message in accepted]
        inserted = orjson.dumps([{column: getattr(one, name) for column, name in _columns()} for one in messages])
        in_room = [one for one in messages if one.root_id is None]
        rooms = {one.room_id: one.number for one in in_room}
        # In a thread nothing of the room itself is read.
        members = {self._member_of(one): 0 for one in messages} | {self._member_of(one): one.number for one in in_room}
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE, {"messages": inserted.decode(), "rooms": _pairs(rooms), "members": _pairs(members), "now": self.now}
            )
        answers = [one for one in messages if one.root_id is not None]
        if answers:
            self._write_threads(answers)
        meant = [self._mention(one, user) for one in messages for user in one.mentions if user != one.sender_id]
        meant += [self._mention(one, None) for one in messages if one.mentions_all]
        if meant:
            Mention.objects.bulk_create(meant)
        used = [self.files[key] for draft, _ in accepted for key in draft.file_ids]
        if used:
            ChatFile.objects.bulk_update(used, ["room", "message", "position"])

    def _write_threads(self, answers: Sequence[Message]) -> None:
        roots = {one.root_id: one.number for one in answers}
        followers: dict[tuple[Any, Any], tuple[Any, int]] = {}
        for one in answers:
            root = self.related[one.root_id]  # type: ignore[index]  # it has one
            if root.sender_id is not None:
                followers.setdefault((one.root_id, root.sender_id), (one.room_id, 0))
            for user in one.mentions:
                followers.setdefault((one.root_id, user), (one.room_id, 0))
            followers[one.root_id, one.sender_id] = (one.room_id, one.number)
        rows = [
            {"id": uuid7(), "root": root, "room": room, "member": user, "number": number}
            for (root, user), (room, number) in followers.items()
        ]
        with connection.cursor() as cursor:
            values: dict[str, Any] = {"roots": _pairs(roots), "followers": orjson.dumps(rows).decode(), "now": self.now}
            cursor.execute(_THREADS, values)

    def _mention(self, message: Message, user: UUID | None) -> Mention:
        number = message.number if message.root_id is None else self.related[message.root_id].number
        return Mention(room_id=message.room_id, message_id=message.pk, user_id=user, number=number)

    def _member_of(self, message: Message) -> UUID:
        return self.places[message.room_id, message.sender_id].member_id  # type: ignore[index]  # it was sent just now

    def _tell(self, draft: Draft, message: Message) -> Published:
        author = AuthorShown(draft.user_id, self.places[draft.room_id, draft.user_id].name, draft.is_bot)
        files = [file_shown(self.files[key]) for key in draft.file_ids]
        for user in message.mentions:
            if user != draft.user_id:
                meant = ChatMentioned(message.room_id, message.pk, message.number, message.root_id, author)
                publish(meant, stream=f"user:{user}")
        return publish(created(message, author, files), stream=room_stream(message.room_id))


def created(message: Message, author: AuthorShown, files: list[FileShown]) -> MessageCreated:
    """The event of a new message."""
    return MessageCreated(
        message=message.pk,
        room=message.room_id,
        number=message.number,
        root=message.root_id,
        author=author,
        text=message.text,
        cid=message.cid,
        reply_to=message.reply_to_id,
        mentions=message.mentions,
        mentions_all=message.mentions_all,
        files=files,
        created_at=message.created_at,
    )


def file_shown(file: ChatFile) -> FileShown:
    """A file as an event has it."""
    return FileShown(
        file.pk,
        file.kind,  # type: ignore[arg-type]  # one of its choices
        file.filename,
        file.mime_type,
        file.size,
        file.width,
        file.height,
        file.blurhash,
    )


@cache
def sender_policy() -> Policy:
    """How fast one person may write."""
    return parse_policy("chat_sender", settings.CHAT_LIMIT_SENDER)


@cache
def guest_policy() -> Policy:
    """How fast a guest may write."""
    return parse_policy("chat_guest", settings.CHAT_LIMIT_GUEST)


@cache
def room_policy() -> Policy:
    """How fast a room takes messages."""
    return parse_policy("chat_room", settings.CHAT_LIMIT_ROOM)


def _is_visible(place: _Place, message: _Related) -> bool:
    """Whether the sender sees a message of the room itself."""
    since_joining = place.history == History.SINCE_JOINING
    return message.room_id == place.room_id and (
        not since_joining or message.root_id is not None or message.number > place.joined_number
    )


@cache
def _columns() -> tuple[tuple[str, str], ...]:
    return tuple((str(one.column), one.attname) for one in Message._meta.concrete_fields)


def _pairs(numbers: "dict[Any, int]") -> str:
    return orjson.dumps([{"id": key, "number": number} for key, number in numbers.items()]).decode()
