"""Rooms: one's own, those to be found, and those of two."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import room_serializers as shapes
from api.v1.chat.room_filters import DiscoverFilter, RoomFilter
from api.v1.chat.room_showing import show_me, show_place, show_places, show_room
from api.views import APIView, GateMixin, GenericViewSet, parsed
from core.pagination import KeysetPagination
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from modules.chat import selectors
from modules.chat.models import Member, Room
from modules.chat.services import members, rooms

READ = "chat:read"
WRITE = "chat:write"
MANAGE = "chat:manage"


class OfRoom(GateMixin):
    """What views of one room have: the room is found by who asks."""

    @property
    def room_id(self) -> UUID:
        """Which room."""
        found: UUID = self.kwargs["room_id"]
        return found

    def room(self) -> Room:
        """The room, for somebody who sees it. Raises RoomNotFound."""
        return selectors.room_for(self.principal.user_id, self.room_id)

    def place(self) -> Member:
        """The caller's place in it. Raises RoomNotFound, NotAMember."""
        return selectors.place_of(self.room_id, self.principal.user_id)


class RoomViewSet(OfRoom, GenericViewSet):
    """Rooms."""

    queryset = Member.objects.none()
    serializer_class = shapes.ChatRoomSerializer
    filterset_class = RoomFilter
    ordering = ("-last_activity_at", "-id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "join": WRITE, "leave": WRITE, "*": MANAGE}

    def get_queryset(self) -> Any:
        """The caller's places in rooms."""
        mine = Member.objects.filter(user_id=self.principal.user_id, room__deleted_at=None).select_related("room")
        return mine.annotate(last_activity_at=Coalesce("room__last_message_at", "room__created_at"))

    @extend_schema(summary="List the own rooms")
    def list(self, request: Request) -> Response:
        """The rooms one is in, those with the newest messages first, with what is unread in each."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(show_places(page or []))

    @extend_schema(summary="Make a room", request=shapes.ChatRoomMakeSerializer, responses={201: shapes.ChatRoomSerializer})
    def create(self, request: Request) -> Response:
        """Make a room that one owns. Public rooms are found by everybody and open unless said otherwise; groups let each member
        bring in others; in a broadcast room only those who look after it write.
        """
        room = rooms.create_room(actor=self.actor, **parsed(shapes.ChatRoomMakeSerializer, request))
        place = selectors.member_of(room.pk, self.principal.user_id)
        return Response(show_place(place), status=201, headers={"Location": f"{request.path}{room.pk}/"})

    @extend_schema(summary="Get a room", responses=shapes.ChatRoomSerializer)
    def retrieve(self, request: Request, room_id: UUID) -> Response:
        """A room one is in, or may find; `me` is null for one who is not in it."""
        room = self.room()
        place = Member.objects.filter(room=room, user_id=self.principal.user_id).select_related("room").first()
        return Response(show_room(room) if place is None else show_place(place))

    @extend_schema(summary="Change a room", request=shapes.ChatRoomChangeSerializer, responses=shapes.ChatRoomSerializer)
    def partial_update(self, request: Request, room_id: UUID) -> Response:
        """Set some of its settings. What was hidden of the past stays hidden."""
        place = self.place()
        place.room = rooms.update_room(room=place.room, actor=self.actor, **parsed(shapes.ChatRoomChangeSerializer, request))
        return Response(show_place(place))

    @extend_schema(summary="Delete a room", responses={204: None})
    def destroy(self, request: Request, room_id: UUID) -> Response:
        """End it for everybody, at once and for good. Owners only."""
        rooms.delete_room(room=self.place().room, actor=self.actor)
        return Response(status=204)

    @extend_schema(summary="Archive a room", request=None, responses=shapes.ChatRoomSerializer)
    def archive(self, request: Request, room_id: UUID) -> Response:
        """Put it away: it can be read, and nothing changes in it."""
        return self._archived(is_archived=True)

    @extend_schema(summary="Take a room out of the archive", request=None, responses=shapes.ChatRoomSerializer)
    def unarchive(self, request: Request, room_id: UUID) -> Response:
        """Let it go on."""
        return self._archived(is_archived=False)

    @extend_schema(summary="Join a room", request=None, responses=shapes.ChatRoomSerializer)
    def join(self, request: Request, room_id: UUID) -> Response:
        """Come into an open room. 409 `request_required`: ask at `requests/`; `invitation_required`: it takes neither."""
        return Response(show_place(members.join_room(room=self.room(), actor=self.actor)))

    @extend_schema(summary="Leave a room", request=None, responses={204: None})
    def leave(self, request: Request, room_id: UUID) -> Response:
        """Go. The last owner hands over first; a room that the last one leaves ends; a direct one cannot be left."""
        members.leave_room(room=self.place().room, actor=self.actor)
        return Response(status=204)

    def _archived(self, *, is_archived: bool) -> Response:
        place = self.place()
        place.room = rooms.archive_room(room=place.room, actor=self.actor, is_archived=is_archived)
        return Response(show_place(place))


class DiscoverViewSet(ListModelMixin, GenericViewSet):
    """Rooms to be found."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = Room.objects.none()
    serializer_class = shapes.ChatRoomSerializer
    filterset_class = DiscoverFilter
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ}

    def get_queryset(self) -> Any:
        """What the caller may find and is not in."""
        mine = Member.objects.filter(user_id=self.principal.user_id).values("room_id")
        return Room.objects.found_by(user_id=self.principal.user_id).exclude(pk__in=mine)

    @extend_schema(summary="Find rooms")
    def list(self, request: Request) -> Response:
        """Public rooms, and channels that one may join or ask to join, without the own ones; the newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([show_room(room) for room in page or []])


class DirectView(APIView):
    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}

    @extend_schema(
        summary="Open a direct room",
        request=shapes.ChatUserSerializer,
        responses={200: shapes.ChatRoomSerializer, 201: shapes.ChatRoomSerializer},
    )
    def post(self, request: Request) -> Response:
        """The room of oneself and somebody else: 201 when it was made now, 200 when it was there."""
        room, is_new = rooms.open_direct(actor=self.actor, other_id=parsed(shapes.ChatUserSerializer, request)["user"])
        place = selectors.member_of(room.pk, self.principal.user_id)
        headers = {"Location": f"/api/v1/chat/rooms/{room.pk}/"}
        return Response(show_place(place), status=201 if is_new else 200, headers=headers)


class PlaceView(OfRoom, APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "PATCH": WRITE}

    @extend_schema(summary="Get the own place in a room", responses=shapes.ChatPlaceSerializer)
    def get(self, request: Request, room_id: UUID) -> Response:
        """One's role, what one wants to be told of, and what is unread."""
        return Response(show_me(self.place()))

    @extend_schema(
        summary="Change the own place in a room", request=shapes.ChatPlaceChangeSerializer, responses=shapes.ChatPlaceSerializer
    )
    def patch(self, request: Request, room_id: UUID) -> Response:
        """Say what one wants to be told of, and whether the room is a favourite."""
        data = parsed(shapes.ChatPlaceChangeSerializer, request)
        return Response(show_me(members.update_place(room=self.place().room, actor=self.actor, **data)))
