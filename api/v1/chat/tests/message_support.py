"""Short words for the tests of messages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from api.tests.answers import assert_anonymous, assert_lacks_scope, error
from api.v1.chat.tests.room_support import at, everything
from api_keys.tests.factories import make_key
from modules.chat.choices import Role
from modules.chat.models import Ban, Message, Room
from modules.chat.tests.factories import put_in
from users.models import User
from users.tests.factories import make_user

SCOPES = ("chat:read", "chat:write", "chat:manage")
Call = Callable[[Any], Any]


def of(message: Message, *parts: object) -> str:
    """A path below a message."""
    return at(message.room_id, "messages", message.pk, *parts)


def closed(api: Any, room: Room, member: User, call: Call, *, scope: str = "chat:write") -> None:
    """Call as everybody who is not in the room, or whose key may not: each is refused for its own reason, and nothing changes."""
    outsider, banned = make_user(), make_user()
    Ban.objects.create(room=room, user=banned)
    strangers = [api.as_user(person) for person in (outsider, banned)]
    keys = [make_key(member, scopes=scopes) for scopes in ([name for name in SCOPES if name != scope], [])]
    before = everything()
    assert_anonymous(call(api))
    for stranger in strangers:
        assert error(call(stranger)) == (404, "room_not_found")
    for key in keys:
        assert_lacks_scope(call(api.as_key(key.raw)), scope)
    assert everything() == before


def reader_of(api: Any, room: Room) -> Any:
    """A caller who may only read in the room."""
    reader = make_user()
    put_in(room, reader, Role.READ_ONLY)
    return api.as_user(reader)


def refused(response: Callable[[], Any], status: int, code: str) -> None:
    """The call is refused with a code and changes nothing."""
    before = everything()
    assert error(response()) == (status, code)
    assert everything() == before


def fill(room: Room, sender: User | None, count: int, root: Message | None = None, text: str = "hello {}") -> list[UUID]:
    """Many messages at once, past the limits, a second apart and the last one now."""
    first = (root.reply_count if root is not None else Room.objects.get(pk=room.pk).last_number) + 1
    now = timezone.now()
    rows = [
        Message(
            room=room,
            number=first + index,
            root=root,
            sender=sender,
            text=text.format(first + index),
            cid=uuid4(),
            created_at=now - timedelta(seconds=count - index),
        )
        for index in range(count)
    ]
    Message.objects.bulk_create(rows)
    last = first + count - 1
    if root is None:
        Room.objects.filter(pk=room.pk).update(last_number=last, last_message_at=now)
    else:
        Message.objects.filter(pk=root.pk).update(reply_count=last, last_reply_at=now)
        root.refresh_from_db()
    return [row.pk for row in rows]
