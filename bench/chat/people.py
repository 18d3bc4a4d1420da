"""Accounts, rooms with many members, and rooms with many messages, made past the services: they would take an hour."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from modules.chat.models import Member, Room
from users.models import User
from users.services import sessions


def make_people(count: int) -> list[User]:
    """Accounts."""
    known = User.objects.count()
    people = [User(username=f"writer{known + n}", email=f"writer{known + n}@example.com") for n in range(count)]
    made: list[User] = User.objects.bulk_create(people)
    return made


def make_rooms(owner: User, members: Sequence[Sequence[User]]) -> list[Room]:
    """A room for each group of members."""
    rooms: list[Room] = Room.objects.bulk_create(
        Room(kind="private", name=f"Room {n}", created_by=owner, member_count=len(group)) for n, group in enumerate(members)
    )
    Member.objects.bulk_create(
        [Member(room=room, user=user) for room, group in zip(rooms, members, strict=True) for user in group], batch_size=2000
    )
    return rooms


def tokens(people: Sequence[User]) -> list[str]:
    """An access token for each."""
    return [sessions.open_session(user=user).tokens.access for user in people]


def fill(room: Room, sender: User, count: int, first: int = 1) -> None:
    """Messages of a room, one a second, the last one now; the words are those of `WORDS`."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"room": room.pk, "sender": sender.pk, "first": first, "last": first + count - 1})
        cursor.execute(
            "UPDATE chat_room SET last_number = %s, last_message_at = now() WHERE id = %s", [first + count - 1, room.pk]
        )


def analyze() -> None:
    """What autovacuum would have done by then."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE chat_message")
        cursor.execute("ANALYZE chat_room, chat_member, chat_mention, chat_threadfollower")


def explain(statement: str, values: Any) -> list[str]:
    """The plan with its times, as lines."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement, values)
        return [row[0] for row in cursor.fetchall()]


# Every word of the first list is in a tenth of the messages, every word of the second in a thousandth.
_FILL = """
INSERT INTO chat_message (id, room_id, number, sender_id, is_bot, author, text, mentions, mentions_all, file_count, reactions,
                          previews, reply_count, created_at)
SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - (%(last)s - n) * 1000), 12, '0') || '7'
        || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 5, 15))::uuid,
       %(room)s, n, %(sender)s, false, '',
       (ARRAY['harbour','boat','anchor','sail','rope','wind','tide','crew','deck','mast'])[1 + n %% 10]
       || ' word' || (n * 7919 %% 1000)
       || ' ' || (ARRAY['morning','evening','noon'])[1 + n %% 3] || ' number ' || n,
       '{}', false, 0, '{}', '[]', 0, now() - make_interval(secs => %(last)s - n)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
