"""The rows of messages that were taken, in one statement for all of them; one more for threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.db.base import Ahead, Statement
from core.ids import uuid7
from modules.chat.models import Mention
from modules.chat.places import Draft, Place, Related, as_json

_WRITE = """
WITH written AS (
  INSERT INTO chat_message SELECT * FROM json_populate_recordset(NULL::chat_message, %s)
), numbered AS (
  UPDATE chat_room r SET last_number = v.number, last_message_at = v.at, paced_until = v.paced
  FROM json_to_recordset(%s) AS v(id uuid, number bigint, paced timestamptz, at timestamptz) WHERE r.id = v.id
)
UPDATE chat_member m SET last_sent_at = v.at, read_at = v.at, paced_until = v.paced,
       read_number = greatest(m.read_number, v.number)
FROM json_to_recordset(%s) AS v(id uuid, number bigint, paced timestamptz, at timestamptz) WHERE m.id = v.id
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
class Taken:
    """A message with its id and number, to be written."""

    pk: UUID
    number: int
    draft: Draft
    place: Place
    mentions: list[UUID]
    mentions_all: bool
    created_at: datetime

    @property
    def text(self) -> str:
        """What it says."""
        return self.draft.text

    @property
    def room_id(self) -> UUID:
        """Where it is."""
        return self.draft.room_id

    def row(self) -> dict[str, Any]:
        """Every column of its row."""
        draft = self.draft
        return {
            "id": self.pk,
            "room_id": draft.room_id,
            "number": self.number,
            "root_id": draft.root_id,
            "sender_id": draft.user_id,
            "author": draft.author,
            "is_bot": draft.is_bot,
            "text": draft.text,
            "cid": draft.cid,
            "reply_to_id": draft.reply_to,
            "mentions": self.mentions,
            "mentions_all": self.mentions_all,
            "file_count": len(draft.file_ids),
            "reactions": {},
            "previews": [],
            "reply_count": 0,
            "created_at": self.created_at,
        }


class Writing(Ahead):
    """Inserts messages, and gives rooms and members (`id`, `number`, `paced`, `at`) their new numbers and paces."""

    def __init__(
        self, messages: Sequence[Taken], rooms: Sequence[Mapping[str, Any]], members: Sequence[Mapping[str, Any]]
    ) -> None:
        self._waiting: Statement | None = (
            _WRITE,
            [as_json([message.row() for message in messages]), as_json(rooms), as_json(members)],
        )

    def statement(self) -> Statement | None:
        """All of it."""
        waiting, self._waiting = self._waiting, None
        return waiting

    def written(self, rows: list[tuple[Any, ...]]) -> None:
        """Nothing comes back."""

    def __call__(self) -> None:
        """Those who listen are told by the events."""


def write_threads(answers: Sequence[Taken], roots: Mapping[UUID, Related], now: datetime) -> None:
    """Count answers at their roots. Who wrote the root or an answer, and who is meant by one, follows the thread from now on."""
    counts: dict[UUID, int] = {}
    followers: dict[tuple[UUID, UUID], tuple[UUID, int]] = {}
    for one in answers:
        root = roots[one.draft.root_id]  # type: ignore[index]  # an answer has one
        counts[root.id] = one.number
        for user in (root.sender_id, *one.mentions):
            if user is not None:
                followers.setdefault((root.id, user), (one.room_id, 0))
        if one.draft.user_id is not None:
            followers[root.id, one.draft.user_id] = (one.room_id, one.number)
    rows = [
        {"id": uuid7(), "root": root, "room": room, "member": user, "number": number}
        for (root, user), (room, number) in followers.items()
    ]
    counted = [{"id": key, "number": number} for key, number in counts.items()]
    values: dict[str, Any] = {"roots": as_json(counted), "followers": as_json(rows), "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_THREADS, values)


def write_mentions(messages: Sequence[Taken], roots: Mapping[UUID, Related]) -> None:
    """Note who is meant, apart from oneself."""
    meant = [(one, user) for one in messages for user in one.mentions if user != one.draft.user_id]
    everybody = [(one, None) for one in messages if one.mentions_all]
    if not (meant or everybody):
        return
    Mention.objects.bulk_create(
        Mention(
            room_id=one.room_id,
            message_id=one.pk,
            user_id=user,
            number=one.number if one.draft.root_id is None else roots[one.draft.root_id].number,
        )
        for one, user in [*meant, *everybody]
    )
