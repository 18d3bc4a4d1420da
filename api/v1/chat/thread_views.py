"""Threads, mentions, what was read and what was not, and who is typing."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import message_serializers as shapes
from api.v1.chat.message_views import READ, WRITE, RoomView
from api.v1.chat.showing import show_messages
from api.views import APIView, GenericViewSet, parsed
from core.pagination import KeysetPagination
from modules.chat import selectors
from modules.chat.models import Mention, Message
from modules.chat.services import reading, threads, typing_notices


class ThreadView(RoomView):
    meta_schema = "HistoryMeta"

    @extend_schema(
        summary="List a thread's messages",
        parameters=[shapes.ChatHistoryQuerySerializer],
        responses=shapes.ChatMessageSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The answers in the thread of a message, paged by their numbers in it as those of a room are."""
        place = self.place
        return self.page(place, request, selectors.root_for(place, self.kwargs["message_id"]))


class FollowView(RoomView):
    @extend_schema(summary="Follow a thread", request=None, responses={204: None})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Have its answers counted as unread from here on. Who begins a thread, answers in it or is meant in it follows it."""
        place = self.place
        threads.follow_thread(member=place, root=selectors.root_for(place, self.kwargs["message_id"]))
        return Response(status=204)

    @extend_schema(summary="Follow a thread no more", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Twice is harmless."""
        place = self.place
        threads.unfollow_thread(member=place, root=selectors.root_for(place, self.kwargs["message_id"]))
        return Response(status=204)


class _MineViewSet(ListModelMixin, GenericViewSet):
    pagination_class = KeysetPagination
    filter_backends = ()
    scopes: ClassVar[dict[str, str]] = {"GET": READ}


class ThreadsViewSet(_MineViewSet):
    """Threads that one follows."""

    queryset = Message.objects.none()
    serializer_class = shapes.ChatThreadSerializer
    keyset = ("last_reply_at", "id")

    def get_queryset(self) -> Any:
        """The caller's own."""
        return selectors.followed_threads(self.principal.user_id)

    @extend_schema(summary="List followed threads")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The threads that one follows and that have answers, the last answered first, by cursor."""
        roots = self.paginate_queryset(self.get_queryset()) or []
        shown = show_messages(self.principal.user_id, roots)
        return self.get_paginated_response(
            [
                {"message": message, "read_number": root.read_number, "unread": max(0, root.reply_count - root.read_number)}
                for root, message in zip(roots, shown, strict=True)
            ]
        )


class MentionsViewSet(_MineViewSet):
    """Messages in which one is meant."""

    queryset = Mention.objects.none()
    serializer_class = shapes.ChatMentionSerializer
    keyset = ("id",)

    def get_queryset(self) -> Any:
        """The caller's own."""
        return selectors.mentions_of(self.principal.user_id)

    @extend_schema(summary="List mentions")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The messages that mean one by name, in all rooms, the last first, by cursor; not those that mean everybody."""
        mentions = self.paginate_queryset(self.get_queryset()) or []
        shown = show_messages(self.principal.user_id, [mention.message for mention in mentions])
        return self.get_paginated_response(
            [{"id": mention.pk, "message": message} for mention, message in zip(mentions, shown, strict=True)]
        )


class ReadView(APIView):
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}

    @extend_schema(summary="Read on", request=shapes.ChatReadSerializer, responses=shapes.ChatReadShownSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Move the pointer of a room, or of a thread that one follows, up to a number; it never moves back."""
        data = parsed(shapes.ChatReadSerializer, request)
        moved = reading.mark_read(
            user_id=self.principal.user_id, room_id=self.kwargs["room_id"], number=data["number"], root_id=data.get("root")
        )
        return Response(moved)


class TypingView(APIView):
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}
    idempotent = False

    @extend_schema(summary="Say that one is typing", request=None, responses={204: None})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Those who follow the room right now see it; more often than once in three seconds nothing is said."""
        typing_notices.tell_typing(user_id=self.principal.user_id, room_id=self.kwargs["room_id"])
        return Response(status=204)


class UnreadView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": READ}

    @extend_schema(summary="Count what is unread", responses=shapes.ChatUnreadSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Of each room that one is in, the one with the newest message first; at most 1,000 rooms."""
        return Response([one._asdict() for one in selectors.unread(self.principal.user_id)])
