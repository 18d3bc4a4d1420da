"""Who is in a room, and who must stay out."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import room_serializers as shapes
from api.v1.chat.room_filters import MemberFilter
from api.v1.chat.room_views import MANAGE, READ, OfRoom
from api.views import GenericViewSet, parsed
from core.pagination import KeysetPagination
from modules.chat import rights
from modules.chat.models import Ban, Member
from modules.chat.rights import Action
from modules.chat.services import bans, members


class MemberViewSet(OfRoom, GenericViewSet):
    """Members."""

    queryset = Member.objects.none()
    serializer_class = shapes.ChatMemberSerializer
    filterset_class = MemberFilter
    pagination_class = KeysetPagination
    keyset = ("joined_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": MANAGE}

    def get_queryset(self) -> Any:
        """Those of a room that the caller is in."""
        place = self.place()
        rights.check(place.room, place, Action.SEE_MEMBERS)
        return Member.objects.filter(room_id=self.room_id).select_related("user__profile")

    @extend_schema(summary="List a room's members")
    def list(self, request: Request, room_id: UUID) -> Response:
        """Who is in it, those who came last first, by cursor."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(shapes.ChatMemberSerializer(page or [], many=True).data)

    @extend_schema(summary="Add a member", request=shapes.ChatMemberAddSerializer, responses={201: shapes.ChatMemberSerializer})
    def create(self, request: Request, room_id: UUID) -> Response:
        """Bring somebody in directly, in a role not above the own."""
        data = parsed(shapes.ChatMemberAddSerializer, request)
        member = members.add_member(room=self.place().room, actor=self.actor, user_id=data["user"], role=data["role"])
        return Response(shapes.ChatMemberSerializer(member).data, status=201)

    @extend_schema(summary="Change a member", request=shapes.ChatMemberChangeSerializer, responses=shapes.ChatMemberSerializer)
    def partial_update(self, request: Request, room_id: UUID, user_id: UUID) -> Response:
        """Give another role, or silence somebody until a time. One acts upon lower roles only, and gives none above the own;
        owners make others owners. The last owner stays one.
        """
        data = parsed(shapes.ChatMemberChangeSerializer, request)
        member = members.change_member(room=self.place().room, actor=self.actor, user_id=user_id, **data)
        return Response(shapes.ChatMemberSerializer(member).data)

    @extend_schema(summary="Remove a member", responses={204: None})
    def destroy(self, request: Request, room_id: UUID, user_id: UUID) -> Response:
        """Take somebody of a lower role out, who may come back as anybody may."""
        members.remove_member(room=self.place().room, actor=self.actor, user_id=user_id)
        return Response(status=204)


class BanViewSet(OfRoom, GenericViewSet):
    """Bans."""

    queryset = Ban.objects.none()
    serializer_class = shapes.ChatBanSerializer
    filter_backends = ()
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": MANAGE}

    def get_queryset(self) -> Any:
        """The standing ones of a room that the caller looks after."""
        place = self.place()
        rights.check(place.room, place, Action.BAN)
        return Ban.objects.standing().filter(room_id=self.room_id).select_related("user")

    @extend_schema(summary="List a room's bans")
    def list(self, request: Request, room_id: UUID) -> Response:
        """Who must stay out, the last first, by cursor."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(shapes.ChatBanSerializer(page or [], many=True).data)

    @extend_schema(summary="Ban somebody", request=shapes.ChatBanMakeSerializer, responses={201: shapes.ChatBanSerializer})
    def create(self, request: Request, room_id: UUID) -> Response:
        """Take somebody of a lower role out at once and keep them out, for good or until a time."""
        data = parsed(shapes.ChatBanMakeSerializer, request)
        ban = bans.ban(room=self.place().room, actor=self.actor, user_id=data.pop("user"), **data)
        return Response(shapes.ChatBanSerializer(ban).data, status=201)

    @extend_schema(summary="Lift a ban", responses={204: None})
    def destroy(self, request: Request, room_id: UUID, user_id: UUID) -> Response:
        """Let somebody come back."""
        bans.unban(room=self.place().room, actor=self.actor, user_id=user_id)
        return Response(status=204)
