"""The own sessions, and guests."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.auth import serializers as shapes
from api.v1.auth.views import sign_in_body
from api.views import APIView, GenericViewSet, parsed
from core.exceptions import NotFound
from core.permissions import HasScope, IsActiveUser, IsAdminUser
from users import services
from users.models import Session


class SessionViewSet(GenericViewSet):
    """Where the account is signed in."""

    serializer_class = shapes.SessionSerializer
    queryset = Session.objects.none()
    filter_backends = ()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> Any:
        """The own living sessions, the most recently used first."""
        return Session.objects.active().visible_to(user_id=self.principal.user_id)

    @extend_schema(summary="List the own sessions")
    def list(self, request: Request) -> Response:
        """The devices that are signed in."""
        page = self.paginate_queryset(self.get_queryset())
        context = {"current_session": self.principal.session_id}
        return self.get_paginated_response(shapes.SessionSerializer(page or [], many=True, context=context).data)

    @extend_schema(summary="Revoke a session", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """End one session at once, its access tokens too."""
        session = self.get_queryset().filter(pk=pk).first()
        if session is None:
            raise NotFound
        services.sessions.revoke_session(session=session, actor=self.actor)
        return Response(status=204)

    @extend_schema(summary="Revoke the other sessions", request=None, responses=shapes.RevokedSerializer)
    def revoke_others(self, request: Request) -> Response:
        """End every session but the calling one."""
        ended = services.sessions.revoke_others(user=self.actor, keep=self.principal.session_id)
        return Response({"revoked": ended})


class GuestView(APIView):
    permission_classes = (AllowAny,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "guest"}
    idempotent = False

    @extend_schema(summary="Enter as a guest", request=shapes.GuestSerializer, responses={201: shapes.SignInSerializer})
    def post(self, request: Request) -> Response:
        """Sign in without an account, by invitation; the guest is bound to what the invitation names and ends by itself."""
        return Response(sign_in_body(services.guests.enter_as_guest(**parsed(shapes.GuestSerializer, request))), status=201)


class GuestInvitationView(APIView):
    permission_classes = (IsActiveUser, HasScope, IsAdminUser)

    @extend_schema(
        summary="Invite guests", request=shapes.GuestInvitationSerializer, responses={201: shapes.InvitationSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make an invitation that anyone who holds it can enter with until it expires."""
        data = parsed(shapes.GuestInvitationSerializer, request)
        lifetime = timedelta(seconds=data["expires_in"])
        invitation = services.guests.issue_invitation(resource=data["resource"], lifetime=lifetime, actor=self.actor)
        return Response({"invitation": invitation}, status=201)


class GuestUpgradeView(APIView):
    sensitive: ClassVar[dict[str, str]] = {"POST": "guest"}
    idempotent = False

    @extend_schema(summary="Turn a guest into an account", request=shapes.UpgradeSerializer, responses=shapes.SignInSerializer)
    def post(self, request: Request) -> Response:
        """Keep everything and become a full account; the old tokens end, the answer has new ones."""
        data = parsed(shapes.UpgradeSerializer, request)
        return Response(sign_in_body(services.guests.upgrade_guest(user=self.actor, **data)))
