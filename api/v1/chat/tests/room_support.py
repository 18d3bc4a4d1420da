"""Short words for the tests of rooms, members and ways in."""

from typing import Any
from uuid import UUID

from django.apps import apps

from core.models import AuditEntry
from events.models import Event
from modules.chat.models import Room

ROOMS = "/api/v1/chat/rooms/"
JOIN = "/api/v1/chat/join/"
INVITATIONS = "/api/v1/chat/invitations/"


def at(room: Room | UUID, *parts: object) -> str:
    """A path below a room."""
    key = room.pk if isinstance(room, Room) else room
    return "".join([ROOMS, f"{key}/", *(f"{part}/" for part in parts)])


def everything() -> dict[str, Any]:
    """All rows of the module, what was told and what was noted for auditors; not that a caller of the test signed in."""
    models = [*apps.get_app_config("chat").get_models(), Event]
    noted = AuditEntry.objects.exclude(action="session.created").order_by("pk")
    return {"noted": list(noted.values())} | {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def data(response: Any, status: int = 200) -> Any:
    """What a call answered."""
    assert response.status_code == status, response.json()
    return response.json()["data"]


def told(stream: str, kind: str) -> list[dict[str, Any]]:
    """The events of one type in a stream, in order."""
    return [event.payload for event in Event.objects.filter(stream=stream, type=kind).order_by("seq")]
