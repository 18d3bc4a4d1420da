"""Keeping chat small, a few rows at a time: killed in the middle, the next run goes on.

Messages go from the leaves: answers before the message whose thread they are in. A file's row is made nobody's first; what is
stored of it goes after that commit, and then the row. Nothing of this is told: who loads again does not see it any more.
"""

import logging
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from core.db.batches import in_batches
from core.files import remove, storage
from modules.chat import files
from modules.chat.joining import remove as take_out
from modules.chat.models import ChatFile, Member, Room

log = logging.getLogger(__name__)
BATCH = 200
# What a page said is good for a day.
PREVIEW_DAYS = 2
# What is stored of an upload that was broken off has no row. Days are looked at when they are over for sure, and for a week.
SWEPT_DAYS = range(2, 9)
_LOCK = "SELECT id FROM chat_room WHERE id = %s FOR NO KEY UPDATE"
_OLD = """
SELECT m.id FROM chat_message m WHERE m.room_id = %s AND m.created_at < %s
AND NOT EXISTS (SELECT 1 FROM chat_message a WHERE a.root_id = m.id) ORDER BY m.created_at LIMIT %s FOR UPDATE OF m
"""
# What is left then is the beginning of a thread that lives on: a tombstone.
_TALKING = """
SELECT id FROM chat_message WHERE room_id = %s AND created_at < %s AND deleted_at IS NULL ORDER BY created_at LIMIT %s FOR UPDATE
"""
_SILENCE = """
UPDATE chat_message SET text = '', mentions = '{}', mentions_all = false, previews = '[]', reactions = '{}', file_count = 0,
       pinned_at = NULL, pinned_by_id = NULL, deleted_at = now() WHERE id = ANY(%s)
"""
_PARTS = ("chat_messageedit", "chat_reaction", "chat_mention", "chat_messagelink", "chat_report")
_GONE = (
    "DELETE FROM chat_threadfollower WHERE root_id = ANY(%s)",
    "UPDATE chat_message SET reply_to_id = NULL WHERE reply_to_id = ANY(%s)",
    "DELETE FROM chat_message WHERE id = ANY(%s)",
)
# What a room has besides its messages.
_OF_ROOM = ("chat_member", "chat_ban", "chat_invitelink", "chat_admission", "chat_incomingwebhook")
_OLD_PREVIEWS = """
DELETE FROM chat_linkpreview WHERE id = ANY(ARRAY(
  SELECT p.id FROM chat_linkpreview p WHERE p.created_at < %(before)s AND p.status <> 'pending' AND p.fetched_at < %(before)s
  AND NOT EXISTS (SELECT 1 FROM chat_messagelink l WHERE l.preview_id = p.id) ORDER BY p.created_at LIMIT %(limit)s
  FOR UPDATE OF p SKIP LOCKED
))
"""


def purge() -> dict[str, int]:
    """Delete what is past its time; how many of each sort. `emptied` are beginnings of threads that live on."""
    deleted, emptied = _expire()
    rooms, of_rooms = _purge_rooms()
    _abandon_unsent()
    return {
        "guests": _let_guests_go(),
        "messages": deleted + of_rooms,
        "emptied": emptied,
        "rooms": rooms,
        "files": _clear_files(),
        "previews": in_batches(_OLD_PREVIEWS, {"before": timezone.now() - timedelta(days=PREVIEW_DAYS)}, BATCH),
    }


def sweep_files() -> int:
    """Remove what is stored of uploads that were broken off before their row was written; how many files."""
    today = timezone.now().astimezone(UTC).date()
    return sum(_sweep(datetime.combine(today - timedelta(days=days), time(), UTC)) for days in SWEPT_DAYS)


def _let_guests_go() -> int:
    """Guests whose accounts ended are taken out of their rooms, each by itself: how many. Publishes member.left."""
    ended = Member.objects.filter(user__is_guest=True, user__is_active=False, room__deleted_at=None).order_by("pk")
    total = 0
    while found := list(ended[:BATCH]):
        for member in found:
            with transaction.atomic():
                room = Room.objects.select_for_update(no_key=True).get(pk=member.room_id)
                for there in Member.objects.filter(pk=member.pk):
                    take_out(room, there, "left")
        total += len(found)
    return total


def _expire() -> tuple[int, int]:
    """Messages past their room's retention: how many were deleted, how many emptied."""
    deleted = emptied = 0
    kept: Any = Room.objects.filter(retention_days__isnull=False, deleted_at=None).order_by("pk")
    for room_id, days in kept.values_list("pk", "retention_days").iterator():
        before = timezone.now() - timedelta(days=days)
        deleted += _in_room(room_id, before, _OLD, _GONE)
        emptied += _in_room(room_id, before, _TALKING, (_SILENCE,))
    return deleted, emptied


def _purge_rooms() -> tuple[int, int]:
    """Rooms that were deleted, with all that is theirs: how many, and how many messages."""
    rooms = messages = 0
    for room_id in Room.objects.filter(deleted_at__isnull=False).order_by("deleted_at").values_list("pk", flat=True):
        messages += _in_room(room_id, timezone.now() + timedelta(days=1), _OLD, _GONE)
        for table in _OF_ROOM:
            some = f"SELECT id FROM {table} WHERE room_id = %(room)s LIMIT %(limit)s"
            in_batches(f"DELETE FROM {table} WHERE id = ANY(ARRAY({some}))", {"room": room_id}, BATCH)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM chat_room WHERE id = %s", [room_id])
        rooms += 1
    return rooms, messages


def _in_room(room_id: UUID, before: datetime, which: str, statements: tuple[str, ...]) -> int:
    """Take what belongs to some messages away, then do what is to be done with them, until there are no more; how many."""
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            # Nobody writes meanwhile: an answer to what goes would have nothing to belong to.
            cursor.execute(_LOCK, [room_id])
            cursor.execute(which, [room_id, before, BATCH])
            keys = [row[0] for row in cursor.fetchall()]
            if keys:
                ChatFile.objects.filter(message_id__in=keys).abandon()
                for table in _PARTS:
                    cursor.execute(f"DELETE FROM {table} WHERE message_id = ANY(%s)", [keys])
                for statement in statements:
                    cursor.execute(statement, [keys])
        total += len(keys)
        # What had answers a moment ago may have none now.
        if not keys:
            return total


def _abandon_unsent() -> None:
    """Make files nobody's that waited for a message for too long."""
    before = timezone.now() - timedelta(hours=settings.CHAT_FILE_HOURS)
    while True:
        with transaction.atomic():
            # One that is being sent right now is not.
            old = ChatFile.objects.filter(message=None, owner__isnull=False, created_at__lt=before).order_by("created_at")
            keys = list(old.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:BATCH])
            ChatFile.objects.filter(pk__in=keys).abandon()
        if len(keys) < BATCH:
            return


def _clear_files() -> int:
    """Remove what is stored of files that are nobody's, and then their rows; how many. What cannot be removed stays for later."""
    total, last = 0, UUID(int=0)
    while True:
        found = list(ChatFile.objects.filter(message=None, owner=None, pk__gt=last).order_by("pk")[:BATCH])
        for row in found:
            last = row.pk
            try:
                files.clear(row)
                total += 1
            except OSError:
                log.exception("The content of file %s could not be removed", row.pk)
        if len(found) < BATCH:
            return total


def _sweep(day: datetime) -> int:
    folder = f"{files.FOLDER}/{day:%Y/%m/%d}"
    try:
        stored = {f"{folder}/{name}" for name in storage().listdir(folder)[1]}
    except FileNotFoundError:
        return 0
    # Ids are in the order of time, and a row is written soon after its content.
    around = ChatFile.objects.filter(pk__gte=_first_id(day - timedelta(hours=1)), pk__lt=_first_id(day + timedelta(hours=25)))
    for name, small in around.filter(Q(file__startswith=folder) | Q(thumbnail__startswith=folder)).values_list(
        "file", "thumbnail"
    ):
        stored -= {name, small}
    for name in stored:
        remove(name)
    return len(stored)


def _first_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
