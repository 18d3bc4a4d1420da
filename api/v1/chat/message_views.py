"""Messages of a room: sending, reading, changing, reacting, pinning, and taking all of them along."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import message_serializers as shapes
from api.v1.chat.showing import export_lines, show_message, show_messages, show_reactor
from api.views import APIView, GenericViewSet, parsed
from core.pagination import KeysetPagination
from core.responses import MetaResponse
from events.selectors import head
from modules.chat import selectors, sending
from modules.chat.models import Member, Message, MessageEdit, Reaction
from modules.chat.sending import Draft
from modules.chat.services import messages, pins, reactions
from modules.chat.streams import room_stream

READ, WRITE = "chat:read", "chat:write"


class RoomView(APIView):
    """A view of something in a room that the caller is in."""

    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": WRITE}

    @property
    def place(self) -> Member:
        """The caller's place in the room. Raises RoomNotFound, NotAMember."""
        return selectors.place_of(self.kwargs["room_id"], self.principal.user_id)

    def message(self, place: Member) -> Message:
        """The message that the path names. Raises MessageNotFound."""
        return selectors.message_for(place, self.kwargs["message_id"])

    def page(self, place: Member, request: Request, root: Message | None = None) -> Response:
        """A page of the room, or of a thread."""
        query = shapes.ChatHistoryQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        # Before the rows are read: who follows the stream from here on misses nothing.
        name = room_stream(place.room_id)
        epoch, seq = head(name)
        page = selectors.history(place, root=root, **query.validated_data)
        meta = {"has_before": page.has_before, "has_after": page.has_after}
        return MetaResponse(
            show_messages(place.user_id, page.messages), {**meta, "stream": {"name": name, "epoch": epoch, "seq": seq}}
        )


class MessagesView(RoomView):
    meta_schema = "HistoryMeta"

    @extend_schema(
        summary="List a room's messages",
        parameters=[shapes.ChatHistoryQuerySerializer],
        responses=shapes.ChatMessageSerializer(many=True),
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The newest messages, or those `before`, `after` or `around` a number; always the oldest first.

        `meta.has_before` and `meta.has_after` say whether there are more on that side. `meta.stream` is where the room's stream
        stood before they were read: follow it from there and nothing is missing in between.
        """
        return self.page(self.place, request)

    @extend_schema(
        summary="Send a message",
        request=shapes.ChatSendSerializer,
        responses={200: shapes.ChatMessageSerializer, 201: shapes.ChatMessageSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Write into the room, or into a thread. With a `cid`, sending again is safe: the answer is 200 with the same message."""
        place, data = self.place, parsed(shapes.ChatSendSerializer, request)
        sent = sending.send_one(
            Draft(
                room_id=place.room_id,
                user_id=place.user_id,
                text=data["text"],
                cid=data.get("cid"),
                root_id=data.get("root"),
                reply_to=data.get("reply_to"),
                file_ids=tuple(data["files"]),
                is_bot=self.principal.kind == "api_key",
            )
        )
        message = selectors.shown_message(place, sent.message_id)
        return Response(
            show_message(place.user_id, message),
            status=200 if sent.duplicate else 201,
            headers={"Location": f"{request.path}{sent.message_id}/"},
        )


class MessageView(RoomView):
    @extend_schema(summary="Get a message", responses=shapes.ChatMessageSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One message; a deleted one without its content."""
        place = self.place
        return Response(show_message(place.user_id, selectors.shown_message(place, self.kwargs["message_id"])))

    @extend_schema(summary="Edit a message", request=shapes.ChatEditSerializer, responses=shapes.ChatMessageSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Change what one's own message says, for a while after it was sent. What it said before can be read at `edits/`."""
        place = self.place
        text = parsed(shapes.ChatEditSerializer, request)["text"]
        message = messages.edit_message(member=place, message=self.message(place), text=text)
        return Response(show_message(place.user_id, message))

    @extend_schema(summary="Delete a message", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Remove what it says, for good; its place in the room and its thread stay. One's own, or as a moderator anybody's."""
        place = self.place
        messages.delete_message(member=place, message=self.message(place), actor=self.actor)
        return Response(status=204)


class _OfMessageViewSet(ListModelMixin, GenericViewSet):
    pagination_class = KeysetPagination
    keyset = ("id",)
    filter_backends = ()
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": WRITE}

    @property
    def place(self) -> Member:
        """The caller's place in the room. Raises RoomNotFound, NotAMember."""
        return selectors.place_of(self.kwargs["room_id"], self.principal.user_id)

    def message(self, place: Member) -> Message:
        """The message that the path names. Raises MessageNotFound."""
        return selectors.message_for(place, self.kwargs["message_id"])


@extend_schema_view(
    list=extend_schema(summary="List a message's edits", description="What it said before, the last edit first, by cursor.")
)
class MessageEditsViewSet(_OfMessageViewSet):
    """What a message said before."""

    queryset = MessageEdit.objects.none()
    serializer_class = shapes.ChatMessageEditSerializer

    def get_queryset(self) -> Any:
        """The message's."""
        return MessageEdit.objects.filter(message=self.message(self.place))


class ReactionsViewSet(_OfMessageViewSet):
    """Who reacted with what."""

    queryset = Reaction.objects.none()
    serializer_class = shapes.ChatReactorSerializer

    def get_queryset(self) -> Any:
        """The message's, all or those of one emoji. Raises Invalid."""
        found = Reaction.objects.filter(message=self.message(self.place)).select_related("user__profile")
        emoji = self.request.query_params.get("emoji")
        return found if emoji is None else found.filter(emoji=reactions.checked_emoji(emoji))

    @extend_schema(
        summary="List reactions",
        parameters=[shapes.ChatReactionQuerySerializer],
        responses=shapes.ChatReactorSerializer(many=True),
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Who reacted, with all emoji or with one, the last first, by cursor."""
        rows = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([show_reactor(row) for row in rows])

    @extend_schema(summary="React", request=shapes.ChatReactSerializer, responses=shapes.ChatReactionsSerializer)
    def react(self, request: Request, **kwargs: Any) -> Response:
        """Add an emoji to a message; twice is once. A message has at most 20 different ones."""
        place = self.place
        emoji = parsed(shapes.ChatReactSerializer, request)["emoji"]
        return _reactions(place, reactions.add_reaction(member=place, message=self.message(place), emoji=emoji))

    @extend_schema(
        summary="Take a reaction back",
        parameters=[shapes.ChatReactSerializer],
        responses={200: shapes.ChatReactionsSerializer},
    )
    def unreact(self, request: Request, **kwargs: Any) -> Response:
        """Take one's own emoji off a message; what is not there is no error."""
        place = self.place
        query = shapes.ChatReactSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        emoji = query.validated_data["emoji"]
        return _reactions(place, reactions.remove_reaction(member=place, message=self.message(place), emoji=emoji))


class PinView(RoomView):
    @extend_schema(summary="Pin a message", request=None, responses=shapes.ChatMessageSerializer)
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Put a message where everybody in the room finds it; a room has at most 50."""
        place = self.place
        message = pins.pin_message(member=place, message=self.message(place), actor=self.actor)
        return Response(show_message(place.user_id, message))

    @extend_schema(summary="Take a pin off", responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """The message itself stays."""
        place = self.place
        pins.unpin_message(member=place, message=self.message(place), actor=self.actor)
        return Response(status=204)


class PinsView(RoomView):
    @extend_schema(summary="List pinned messages", responses=shapes.ChatMessageSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The room's pinned messages, the last pinned first; there are at most 50."""
        place = self.place
        return Response(show_messages(place.user_id, selectors.pinned(place)))


class ExportView(RoomView):
    @extend_schema(
        summary="Export a room's messages",
        responses={(200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR, description="One message a line.")},
    )
    def get(self, request: Request, room_id: UUID, **kwargs: Any) -> StreamingHttpResponse:
        """All messages of the room and its threads as JSON, one a line, the oldest first, for its owner and administrators."""
        rows = messages.export_messages(member=self.place, actor=self.actor)
        headers = {"Content-Disposition": f'attachment; filename="room-{room_id}.ndjson"'}
        return StreamingHttpResponse(export_lines(rows), content_type="application/x-ndjson", headers=headers)


def _reactions(place: Member, message: Message) -> Response:
    mine = selectors.own_reactions(place.user_id, [message])
    return Response({"reactions": message.reactions, "my_reactions": mine.get(message.pk, [])})
