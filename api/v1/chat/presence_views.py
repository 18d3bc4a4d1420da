"""Who is in a room right now."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.views import APIView
from core.exceptions import Unavailable
from core.redis import RedisAway
from events.online import online
from modules.chat.selectors import place_of
from modules.chat.streams import room_stream


class ChatPresenceSerializer(serializers.Serializer[dict[str, object]]):
    count = serializers.IntegerField(min_value=0, help_text="How many people follow the room's stream.")
    users = serializers.ListField(child=serializers.UUIDField(), help_text="Who; of more than 500, some of them.")


class PresenceView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "chat:read"}

    @extend_schema(summary="See who is in a room right now", responses=ChatPresenceSerializer)
    def get(self, request: Request, room_id: UUID) -> Response:
        """Who follows the room's stream on a socket. Changes come there as `presence`."""
        count, users = _online(place_of(room_id, self.principal.user_id).room_id)
        return Response({"count": count, "users": users})


def _online(room_id: UUID) -> tuple[int, object]:
    try:
        return online(room_stream(room_id))
    except RedisAway as error:
        raise Unavailable("Nobody can be seen right now.") from error
