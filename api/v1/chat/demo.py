"""Demo data: two people and a room with a conversation in it."""

import secrets
from collections.abc import Mapping
from uuid import UUID

from modules.chat import sending
from modules.chat.choices import RoomKind
from modules.chat.sending import Draft
from modules.chat.services import rooms
from users import services as user_services
from users.models import User

PEOPLE = {"ada": "Ada", "grace": "Grace"}
ROOM = "Harbour"
CONVERSATION = (
    ("ada", "Morning! The new boat came in with the tide."),
    ("grace", "I saw it from the window. Is it the blue one?"),
    ("ada", "The blue one. @grace, will you look at the sails with me?"),
    ("grace", "After lunch 👍"),
)


def make(*, admin_id: UUID) -> Mapping[str, str]:
    """Make them; the room is the administrator's, so the demo key may do everything in it."""
    admin = User.objects.get(pk=admin_id)
    passwords = {name: secrets.token_urlsafe(12) for name in PEOPLE}
    people = {
        name: user_services.accounts.create_user(
            actor=admin,
            username=name,
            email=f"{name}@example.com",
            password=passwords[name],
            profile={"display_name": shown},
        )
        for name, shown in PEOPLE.items()
    }
    room = rooms.create_room(
        actor=admin,
        kind=RoomKind.PUBLIC,
        name=ROOM,
        topic="Boats, tides and who is on watch",
        members=[person.pk for person in people.values()],
    )
    for name, text in CONVERSATION:
        sending.send_one(Draft(room_id=room.pk, user_id=people[name].pk, text=text))
    users = ",".join(f"{name}:{password}" for name, password in passwords.items())
    return {"ATELIER_CHAT_USERS": users, "ATELIER_CHAT_ROOM": str(room.pk)}
