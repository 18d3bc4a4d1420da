"""Taking messages: many in one transaction, each by itself.

The room's row is locked from the first statement to the commit: that numbers its messages without gaps, and makes a message that
is sent twice under one `cid` one message. All rules are asked behind the lock. A refused message refuses none of the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from core.db.base import write_ahead
from core.exceptions import DomainError, Invalid, Unavailable
from core.ids import uuid7
from events import publish
from events.publishing import Published
from modules.chat import places, rights, writing
from modules.chat.events import AuthorShown, ChatMentioned, FileShown, MessageCreated
from modules.chat.exceptions import Muted, RightMissing, RoomArchived, RoomNotFound, SlowMode, TooFast
from modules.chat.models import ChatFile
from modules.chat.models.message import MAX_FILES
from modules.chat.pacing import guest_policy, pace, room_policy, sender_policy
from modules.chat.places import Draft, Known, Place, Related
from modules.chat.previewing import note_links
from modules.chat.rights import Action
from modules.chat.streams import room_stream
from modules.chat.text import ALL, checked_text, mentioned
from modules.chat.writing import Taken

__all__ = ["Draft", "Outcome", "Sent", "send", "send_one"]


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


Outcome = Sent | DomainError


def send(drafts: Sequence[Draft]) -> list[Outcome]:
    """Send messages; what became of each, in their order.

    What each may come to: Invalid, RoomNotFound, RoomArchived, RightMissing, Muted, TooFast, SlowMode, Unavailable (the room is
    held). A message of the same sender and `cid` in a room is sent once. Publishes message.created, and chat.mentioned to who is
    meant.
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
        outcomes |= _take(fit)
    return [outcomes[index] for index in range(len(drafts))]


def _take(drafts: dict[int, Draft]) -> dict[int, Outcome]:
    """Together; room by room where one of the rooms is held, so that only those for that one are to be sent again."""
    try:
        with transaction.atomic():
            return _Batch(drafts).take()
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    rooms: dict[UUID, dict[int, Draft]] = {}
    for index, draft in drafts.items():
        rooms.setdefault(draft.room_id, {})[index] = draft
    if len(rooms) == 1:
        return {index: Unavailable(retry_after=1.0) for index in drafts}
    return {index: outcome for some in rooms.values() for index, outcome in _take(some).items()}


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
    """Messages that are taken together at `now`: `numbers` and `paces` grow with each that is."""

    drafts: dict[int, Draft]
    now: datetime = field(default_factory=timezone.now)
    known: Known = field(default_factory=Known)
    numbers: dict[UUID, int] = field(default_factory=dict)
    paces: dict[UUID, datetime] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    sent: dict[UUID, Sent] = field(default_factory=dict)

    def take(self) -> dict[int, Outcome]:
        """Read, decide, write, tell."""
        self.known = places.read(self.drafts.values())
        # Behind the locks: what is numbered later is not dated earlier.
        self.now = timezone.now()
        outcomes: dict[int, Outcome] = {}
        # In the order of arrival.
        for index, draft in self.drafts.items():
            try:
                outcomes[index] = self._take(draft)
            except DomainError as error:
                outcomes[index] = error
        if self.taken:
            self._write()
            self._tell()
        return outcomes

    def _take(self, draft: Draft) -> Sent:
        name = (draft.room_id, draft.user_id, draft.cid) if draft.cid is not None else None
        before = self.known.sent.get(name) if name is not None else None
        if before is not None:
            return Sent(*before, duplicate=True)
        message = self._decide(draft)
        self.taken.append(message)
        if name is not None:
            self.known.sent[name] = (message.pk, message.number)
        sent = self.sent[message.pk] = Sent(message.pk, message.number)
        return sent

    def _decide(self, draft: Draft) -> Taken:
        """The message with its number. Raises why it is not taken."""
        place = self.known.places.get((draft.room_id, draft.user_id))
        if place is None:
            raise RoomNotFound
        self._check_place(place, draft)
        root = self._thread(place, draft)
        self._check_answered(place, draft, root)
        for file_id in draft.file_ids:
            file = self.known.files.get(file_id)
            if file is None or file.owner_id != draft.user_id or file.message_id is not None:
                raise Invalid.field("files", "There is no such file, or it was sent already.", "does_not_exist")
        names = list(mentioned(draft.text)) if "@" in draft.text else []
        may_mean_all = place.role is not None and rights.may(place.kind, place.role, Action.MENTION_ALL)
        # Last: what is refused for another reason counts against no limit.
        self._check_pace(place)
        key = uuid7()
        for position, file_id in enumerate(draft.file_ids):
            file = self.known.files[file_id]
            file.room_id, file.message_id, file.position = draft.room_id, key, position
        meant = (self.known.named.get((draft.room_id, name)) for name in names)
        return Taken(
            pk=key,
            number=self._next_number(place, root),
            draft=draft,
            place=place,
            mentions=list(dict.fromkeys(user for user in meant if user is not None)),
            mentions_all=may_mean_all and not ALL.isdisjoint(names),
            created_at=self.now,
        )

    def _check_place(self, place: Place, draft: Draft) -> None:
        if place.is_archived:
            raise RoomArchived
        # A webhook writes wherever an administrator of the room let it.
        if place.role is None:
            return
        if place.muted_until is not None and place.muted_until > self.now:
            raise Muted
        if not rights.may(place.kind, place.role, Action.SEND):
            raise RightMissing
        if draft.file_ids and not rights.may(place.kind, place.role, Action.ATTACH):
            raise RightMissing

    def _check_pace(self, place: Place) -> None:
        room = pace(room_policy(), self.paces.get(place.room_id, place.room_paced_until), self.now)
        if not room.passes:
            raise TooFast(retry_after=room.wait.total_seconds())
        if place.member_id is not None and place.role is not None:
            self._check_slow_mode(place, place.member_id, place.role)
            policy = guest_policy() if place.is_guest else sender_policy()
            sender = pace(policy, self.paces.get(place.member_id, place.paced_until), self.now)
            if not sender.passes:
                raise TooFast(retry_after=sender.wait.total_seconds())
            self.paces[place.member_id] = sender.until
        self.paces[place.room_id] = room.until

    def _check_slow_mode(self, place: Place, member_id: UUID, role: str) -> None:
        before = self.now if member_id in self.paces else place.last_sent_at
        if place.slow_mode_seconds and before is not None and not rights.may(place.kind, role, Action.MUTE):
            wait = before + timedelta(seconds=place.slow_mode_seconds) - self.now
            if wait > timedelta():
                raise SlowMode(retry_after=wait.total_seconds())

    def _thread(self, place: Place, draft: Draft) -> Related | None:
        if draft.root_id is None:
            return None
        root = self.known.related.get(draft.root_id)
        if root is None or root.is_deleted or not place.sees(root):
            raise Invalid.field("root", "There is no such message in this room.", "does_not_exist")
        if root.root_id is not None:
            raise Invalid.field("root", "An answer in a thread has no thread of its own.", "not_a_root")
        return root

    def _check_answered(self, place: Place, draft: Draft, root: Related | None) -> None:
        if draft.reply_to is None:
            return
        found = self.known.related.get(draft.reply_to)
        in_thread = found is not None and root is not None and root.id in (found.id, found.root_id)
        if found is None or found.is_deleted or not (in_thread or (found.root_id is None and place.sees(found))):
            raise Invalid.field("reply_to", "There is no such message in this room.", "does_not_exist")

    def _next_number(self, place: Place, root: Related | None) -> int:
        key, last = (root.id, root.reply_count) if root is not None else (place.room_id, place.last_number)
        self.numbers[key] = self.numbers.get(key, last) + 1
        return self.numbers[key]

    def _write(self) -> None:
        known, read_up_to = self.known, dict[UUID, int]()
        rooms = {one.room_id: one.place.last_number for one in self.taken}
        rooms |= {key: self.numbers[key] for key in rooms if key in self.numbers}
        for one in self.taken:
            member = one.place.member_id
            if member is not None:
                # In a thread nothing of the room itself is read.
                read_up_to[member] = read_up_to.get(member, 0) if one.draft.root_id else one.number
        rows = writing.Writing(
            self.taken,
            [{"id": key, "number": number, "paced": self.paces[key], "at": self.now} for key, number in rooms.items()],
            [{"id": key, "number": number, "paced": self.paces[key], "at": self.now} for key, number in read_up_to.items()],
        )
        transaction.on_commit(rows)
        answers = [one for one in self.taken if one.draft.root_id is not None]
        used = [known.files[key] for one in self.taken for key in one.draft.file_ids]
        if answers or used or any("@" in one.text or "://" in one.text for one in self.taken):
            # What else is written refers to them.
            write_ahead()
        if answers:
            writing.write_threads(answers, known.related, self.now)
        writing.write_mentions(self.taken, known.related)
        if used:
            ChatFile.objects.bulk_update(used, ["room", "message", "position"])
        note_links(self.taken)

    def _tell(self) -> None:
        """Publish in the order of streams: of many events a part is written early, and all lock streams in one order."""
        told = [one for message in self.taken for one in self._events(message)]
        for stream, event, message in sorted(told, key=lambda one: one[0]):
            published = publish(event, stream=stream)
            if isinstance(event, MessageCreated):
                self.sent[message.pk].published = published

    def _events(self, message: Taken) -> Iterator[tuple[str, MessageCreated | ChatMentioned, Taken]]:
        draft = message.draft
        author = AuthorShown(draft.user_id, draft.author or message.place.name or "", draft.is_bot)
        for user in message.mentions:
            if user != draft.user_id:
                meant = ChatMentioned(draft.room_id, message.pk, message.number, draft.root_id, author)
                yield f"user:{user}", meant, message
        created = MessageCreated(
            message=message.pk,
            room=draft.room_id,
            number=message.number,
            root=draft.root_id,
            author=author,
            text=draft.text,
            cid=draft.cid,
            reply_to=draft.reply_to,
            mentions=message.mentions,
            mentions_all=message.mentions_all,
            files=[file_shown(self.known.files[key]) for key in draft.file_ids],
            created_at=message.created_at,
        )
        yield room_stream(draft.room_id), created, message


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
