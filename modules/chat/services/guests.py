"""Guests of a room: people without an account, in by link, for a while; and those who have become members since."""

import orjson
from django.db import transaction

from events.selectors import StoredEvent
from modules.chat import telling
from modules.chat.choices import Role
from modules.chat.joining import enter, living, role_for
from modules.chat.models import Member
from modules.chat.services.links import usable_link, use_link
from modules.chat.streams import room_stream
from modules.chat.text import checked_name
from users.services import guests
from users.services.sessions import SignIn


def enter_as_guest(*, token: str, display_name: str) -> tuple[SignIn, Member]:
    """Make a guest account bound to a link's room, and let it in. Raises GuestsClosed, LinkUnusable, RoomFull, Invalid.

    Publishes user.created, member.joined and chat.room.added.
    """
    name = checked_name(display_name, field="display_name")
    link = usable_link(token)
    with transaction.atomic():
        room = living(link.room_id)
        use_link(link)
        signed_in = guests.admit_guest(resource=room_stream(room.pk), display_name=name)
        member = enter(room, signed_in.user, role_for(signed_in.user, link.role))
    return signed_in, member


def consume(events: list[StoredEvent]) -> None:
    """A guest who has an account now is a member: called by the relay, in its transaction. Publishes member.updated."""
    for event in events:
        if event.type == "user.updated":
            told = orjson.loads(event.payload)
            if "is_guest" in told["changed"]:
                _settle(told["user"])


def _settle(user_id: str) -> None:
    found = Member.objects.select_for_update().filter(user_id=user_id, role=Role.GUEST, user__is_guest=False)
    for member in found.order_by("pk"):
        member.role = Role.MEMBER
        member.save(update_fields=["role"])
        telling.member_updated(member)
