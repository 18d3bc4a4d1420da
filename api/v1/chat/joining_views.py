"""Ways in: links, invitations and requests."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.chat import room_serializers as shapes
from api.v1.chat.room_showing import show_place
from api.v1.chat.room_views import MANAGE, READ, WRITE, OfRoom
from api.views import APIView, GenericViewSet, parsed
from core.exceptions import NotFound
from core.pagination import KeysetPagination
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from modules.chat import rights
from modules.chat.choices import AdmissionKind, AdmissionStatus
from modules.chat.models import Admission, InviteLink
from modules.chat.rights import Action
from modules.chat.services import admissions, guests, links
from users.services.sessions import SignIn


class _ListOfRoom(OfRoom, GenericViewSet):
    filter_backends = ()
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": MANAGE}

    def checked(self, action: Action) -> None:
        """Whether the caller may see this list. Raises RoomNotFound, NotAMember, RightMissing."""
        place = self.place()
        rights.check(place.room, place, action)

    def page(self) -> Response:
        """A page of the rows, shown."""
        found = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer_class()(found or [], many=True).data)


class LinkViewSet(_ListOfRoom):
    """Links that let in."""

    queryset = InviteLink.objects.none()
    serializer_class = shapes.ChatLinkSerializer

    def get_queryset(self) -> Any:
        """Those of a room that the caller looks after."""
        self.checked(Action.MAKE_LINKS)
        return InviteLink.objects.filter(room_id=self.room_id)

    @extend_schema(summary="List a room's links")
    def list(self, request: Request, room_id: UUID) -> Response:
        """Links, the newest first, by cursor; also those that are over. Tokens are not known any more."""
        return self.page()

    @extend_schema(summary="Make a link", request=shapes.ChatLinkMakeSerializer, responses={201: shapes.ChatNewLinkSerializer})
    def create(self, request: Request, room_id: UUID) -> Response:
        """Make a link that lets in whoever has its token, which is in this answer and nowhere else. Guests come in by it too."""
        data = parsed(shapes.ChatLinkMakeSerializer, request)
        seconds = data.get("expires_in")
        made = links.make_link(
            room=self.place().room,
            actor=self.actor,
            role=data["role"],
            expires_in=None if seconds is None else timedelta(seconds=seconds),
            max_uses=data.get("max_uses"),
        )
        return Response({**shapes.ChatLinkSerializer(made.link).data, "token": made.token}, status=201)

    @extend_schema(summary="Revoke a link", responses={204: None})
    def destroy(self, request: Request, room_id: UUID, link_id: UUID) -> Response:
        """Make it useless. Who came in by it stays."""
        links.revoke_link(room=self.place().room, actor=self.actor, link_id=link_id)
        return Response(status=204)


class LinkPreviewView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "chat-link"}
    # It asks and changes nothing.
    idempotent = False

    @extend_schema(
        summary="Look where a link leads", request=shapes.ChatTokenSerializer, responses=shapes.ChatLinkPreviewSerializer
    )
    def post(self, request: Request) -> Response:
        """What room it lets into, and as what. Whoever has the token may ask."""
        link = links.usable_link(parsed(shapes.ChatTokenSerializer, request)["token"])
        room = link.room
        shown = {"kind": room.kind, "name": room.name, "topic": room.topic, "member_count": room.member_count}
        return Response({**shown, "role": link.role, "expires_at": link.expires_at})


class LinkJoinView(APIView):
    sensitive: ClassVar[dict[str, str]] = {"POST": "chat-link"}
    scopes: ClassVar[dict[str, str]] = {"POST": WRITE}

    @extend_schema(summary="Join by link", request=shapes.ChatTokenSerializer, responses=shapes.ChatRoomSerializer)
    def post(self, request: Request) -> Response:
        """Come into the room that a link leads to. A full account that comes by a guests' link is a member."""
        token = parsed(shapes.ChatTokenSerializer, request)["token"]
        return Response(show_place(links.join_by_link(token=token, actor=self.actor)))


class GuestJoinView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "guest"}
    idempotent = False

    @extend_schema(
        summary="Join by link as a guest", request=shapes.ChatGuestSerializer, responses={201: shapes.ChatGuestSignInSerializer}
    )
    def post(self, request: Request) -> Response:
        """Come in without an account: a guest who is bound to this room and ends by itself, unless it becomes an account
        (`auth/guest/upgrade/`), which keeps its messages.
        """
        signed_in, member = guests.enter_as_guest(**parsed(shapes.ChatGuestSerializer, request))
        return Response({**_signed_in(signed_in), "room": member.room_id}, status=201)


class InvitationViewSet(_ListOfRoom):
    """Invitations of a room."""

    queryset = Admission.objects.none()
    serializer_class = shapes.ChatAdmissionSerializer

    def get_queryset(self) -> Any:
        """The pending ones of a room where the caller may bring people in."""
        self.checked(Action.ADD_MEMBERS)
        return _pending(AdmissionKind.INVITATION).filter(room_id=self.room_id)

    @extend_schema(summary="List a room's invitations")
    def list(self, request: Request, room_id: UUID) -> Response:
        """Those that are pending, the newest first, by cursor."""
        return self.page()

    @extend_schema(
        summary="Invite somebody", request=shapes.ChatInviteSerializer, responses={201: shapes.ChatAdmissionSerializer}
    )
    def create(self, request: Request, room_id: UUID) -> Response:
        """Invite somebody, who is told by the event `chat.invited` and decides."""
        data = parsed(shapes.ChatInviteSerializer, request)
        made = admissions.invite(
            room=self.place().room,
            actor=self.actor,
            user_id=data["user"],
            role=data["role"],
            note_text=data.get("note", ""),
        )
        return Response(shapes.ChatAdmissionSerializer(made).data, status=201)

    @extend_schema(summary="Withdraw an invitation", responses={204: None})
    def destroy(self, request: Request, room_id: UUID, invitation_id: UUID) -> Response:
        """Take it back, while it is pending: one's own, or any as one who looks after the room."""
        admissions.withdraw(room=self.place().room, actor=self.actor, invitation_id=invitation_id)
        return Response(status=204)


class OwnInvitationViewSet(GenericViewSet):
    """Invitations to the caller."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = Admission.objects.none()
    serializer_class = shapes.ChatAdmissionSerializer
    filter_backends = ()
    pagination_class = KeysetPagination
    keyset = ("created_at", "id")
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "*": WRITE}

    def get_queryset(self) -> Any:
        """The pending ones."""
        return _pending(AdmissionKind.INVITATION).filter(user_id=self.principal.user_id, room__deleted_at=None)

    @extend_schema(summary="List the own invitations")
    def list(self, request: Request) -> Response:
        """Where one was invited to and has not decided, the newest first, by cursor."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(shapes.ChatAdmissionSerializer(page or [], many=True).data)

    @extend_schema(summary="Accept an invitation", request=None, responses=shapes.ChatRoomSerializer)
    def accept(self, request: Request, invitation_id: UUID) -> Response:
        """Come into the room."""
        return Response(show_place(admissions.accept(invitation=self._one(invitation_id), actor=self.actor)))

    @extend_schema(summary="Decline an invitation", request=None, responses={204: None})
    def decline(self, request: Request, invitation_id: UUID) -> Response:
        """Stay out. One may be invited again."""
        admissions.decline(invitation=self._one(invitation_id), actor=self.actor)
        return Response(status=204)

    def _one(self, invitation_id: UUID) -> Admission:
        mine = Admission.objects.filter(kind=AdmissionKind.INVITATION, user_id=self.principal.user_id)
        found: Admission | None = mine.filter(pk=invitation_id).first()
        if found is None:
            raise NotFound
        return found


class RequestViewSet(_ListOfRoom):
    """Requests to join."""

    queryset = Admission.objects.none()
    serializer_class = shapes.ChatAdmissionSerializer
    scopes: ClassVar[dict[str, str]] = {"GET": READ, "create": WRITE, "*": MANAGE}

    def get_queryset(self) -> Any:
        """The pending ones of a room where the caller decides them."""
        self.checked(Action.DECIDE_REQUESTS)
        return _pending(AdmissionKind.REQUEST).filter(room_id=self.room_id)

    @extend_schema(summary="List requests to join")
    def list(self, request: Request, room_id: UUID) -> Response:
        """Those that are pending, the newest first, by cursor."""
        return self.page()

    @extend_schema(summary="Ask to join", request=shapes.ChatRequestSerializer, responses={201: shapes.ChatAdmissionSerializer})
    def create(self, request: Request, room_id: UUID) -> Response:
        """Ask to join a room that takes requests; `chat.request.decided` tells what became of it. After a refusal one may ask
        again in a day.
        """
        note = parsed(shapes.ChatRequestSerializer, request).get("note", "")
        made = admissions.ask(room=self.room(), actor=self.actor, note_text=note)
        return Response(shapes.ChatAdmissionSerializer(made).data, status=201)

    @extend_schema(summary="Approve a request", request=None, responses=shapes.ChatAdmissionSerializer)
    def approve(self, request: Request, room_id: UUID, request_id: UUID) -> Response:
        """Let the person in, as a member."""
        return self._decided(request_id, is_accepted=True)

    @extend_schema(summary="Reject a request", request=None, responses=shapes.ChatAdmissionSerializer)
    def reject(self, request: Request, room_id: UUID, request_id: UUID) -> Response:
        """Do not let the person in."""
        return self._decided(request_id, is_accepted=False)

    def _decided(self, request_id: UUID, *, is_accepted: bool) -> Response:
        found = admissions.decide(room=self.place().room, actor=self.actor, request_id=request_id, is_accepted=is_accepted)
        return Response(shapes.ChatAdmissionSerializer(found).data)


def _pending(kind: AdmissionKind) -> Any:
    return Admission.objects.filter(kind=kind, status=AdmissionStatus.PENDING).select_related("room", "user")


def _signed_in(result: SignIn) -> dict[str, Any]:
    """Tokens and guest as the client keeps them."""
    tokens, user = result.tokens, result.user
    return {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "expires_in": tokens.expires_in,
        "session_id": result.session.pk,
        "user": {
            "id": user.pk,
            "username": user.username,
            "display_name": user.profile.display_name,
            "is_guest": user.is_guest,
            "expires_at": user.guest_expires_at,
        },
    }
