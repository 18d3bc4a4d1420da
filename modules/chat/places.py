"""What taking messages must know, read behind the locks of their rooms in a few statements whatever their number."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from core.db.base import exchange
from modules.chat.choices import History, Role
from modules.chat.models import ChatFile
from modules.chat.text import ALL, mentioned

# A room that somebody holds holds up those that are locked with it no longer than this.
_PATIENCE = "SET LOCAL lock_timeout = '2s'"
# In one order everywhere, so that no two wait for each other.
_LOCK = "SELECT id FROM chat_room WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
# A statement of its own: of one that waits for a lock only the locked rows are those of the newest commit, and who was banned or
# muted meanwhile must be seen. Without a member it is a webhook's place.
_PLACES = """
SELECT r.id, asked.member, m.id, r.kind, r.history, r.last_number, r.slow_mode_seconds, r.archived_at IS NOT NULL, r.paced_until,
       m.role, m.muted_until, m.last_sent_at, m.paced_until, m.joined_number, coalesce(nullif(p.display_name, ''), u.username)
FROM json_to_recordset(%s) AS asked(room uuid, member uuid)
JOIN chat_room r ON r.id = asked.room AND r.deleted_at IS NULL
LEFT JOIN chat_member m ON m.room_id = r.id AND m.user_id = asked.member
LEFT JOIN users_user u ON u.id = m.user_id
LEFT JOIN users_userprofile p ON p.user_id = u.id
WHERE asked.member IS NULL OR m.id IS NOT NULL
"""
# One look into the index for each: as a join, statistics of a young table have it read as a whole.
_KNOWN = """
SELECT asked.room, asked.sender, asked.cid, found.id, found.number
FROM json_to_recordset(%s) AS asked(room uuid, sender uuid, cid uuid), LATERAL (
  SELECT m.id, m.number FROM chat_message m
  WHERE m.room_id = asked.room AND m.sender_id = asked.sender AND m.cid = asked.cid LIMIT 1
) AS found
"""
_RELATED = """
SELECT id, room_id, number, root_id, reply_count, deleted_at IS NOT NULL, sender_id FROM chat_message WHERE id = ANY(%s::uuid[])
"""
_NAMED = """
SELECT m.room_id, lower(u.username), u.id FROM json_to_recordset(%s) AS asked(room uuid, name text)
JOIN users_user u ON lower(u.username) = asked.name JOIN chat_member m ON m.room_id = asked.room AND m.user_id = u.id
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent. `root_id` names the thread it goes to, `reply_to` the message it answers.

    Its sender is a person, or a webhook that writes as `author`.
    """

    room_id: UUID
    user_id: UUID | None
    text: str = ""
    cid: UUID | None = None
    root_id: UUID | None = None
    reply_to: UUID | None = None
    file_ids: tuple[UUID, ...] = ()
    is_bot: bool = False
    author: str = ""


class Place(NamedTuple):
    """A sender in a room."""

    room_id: UUID
    user_id: UUID | None
    member_id: UUID | None
    kind: str
    history: str
    last_number: int
    slow_mode_seconds: int
    is_archived: bool
    room_paced_until: datetime | None
    role: str | None
    muted_until: datetime | None
    last_sent_at: datetime | None
    paced_until: datetime | None
    joined_number: int | None
    name: str | None

    @property
    def is_guest(self) -> bool:
        """Whether a guest writes."""
        return self.role == Role.GUEST

    def sees(self, message: "Related") -> bool:
        """Whether the sender sees a message of the room itself."""
        if message.room_id != self.room_id:
            return False
        return self.history == History.ALL or message.root_id is not None or message.number > (self.joined_number or 0)


class Related(NamedTuple):
    """A message that another one refers to."""

    id: UUID
    room_id: UUID
    number: int
    root_id: UUID | None
    reply_count: int
    is_deleted: bool
    sender_id: UUID | None


@dataclass(slots=True)
class Known:
    """All of it: `sent` has the id and number of what was sent under a cid before, `named` who a name means in a room."""

    places: dict[tuple[UUID, UUID | None], Place] = field(default_factory=dict)
    sent: dict[tuple[UUID, UUID | None, UUID], tuple[UUID, int]] = field(default_factory=dict)
    related: dict[UUID, Related] = field(default_factory=dict)
    named: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    files: dict[UUID, ChatFile] = field(default_factory=dict)


def read(drafts: Collection[Draft]) -> Known:
    """Lock the rooms and read. To be called in a transaction."""
    known = Known()
    asked = list(dict.fromkeys((draft.room_id, draft.user_id) for draft in drafts))
    cids = [{"room": draft.room_id, "sender": draft.user_id, "cid": draft.cid} for draft in drafts if draft.cid is not None]
    senders = [{"room": room, "member": user} for room, user in asked]
    rooms = list(dict.fromkeys(room for room, _ in asked))
    # In one exchange: what is locked is locked for no longer than it takes.
    _, _, places, sent = exchange([(_PATIENCE, []), (_LOCK, [rooms]), (_PLACES, [as_json(senders)]), (_KNOWN, [as_json(cids)])])
    for row in places:
        place = Place(*row)
        known.places[place.room_id, place.user_id] = place
    known.sent = {(room, user, cid): (key, number) for room, user, cid, key, number in sent}
    related = {key for draft in drafts for key in (draft.root_id, draft.reply_to) if key is not None}
    named = [(draft.room_id, name) for draft in drafts if "@" in draft.text for name in mentioned(draft.text) if name not in ALL]
    if related or named:
        names = as_json([{"room": room, "name": name} for room, name in named])
        found, meant = exchange([(_RELATED, [list(related)]), (_NAMED, [names])])
        known.related = {row[0]: Related(*row) for row in found}
        known.named = {(room, name): user for room, name, user in meant}
    files = {key for draft in drafts for key in draft.file_ids}
    if files:
        unsent = ChatFile.objects.select_for_update(no_key=True).filter(pk__in=files, message=None).order_by("pk")
        known.files = {file.pk: file for file in unsent}
    return known


def as_json(value: Any) -> str:
    """Rows as one parameter: the driver takes much longer over arrays."""
    return orjson.dumps(value).decode()
