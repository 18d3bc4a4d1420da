"""The caller's WhatsApp session: one for live keys and people, one for test keys."""

import base64
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.whatsapp import session_serializers as shapes
from api.views import APIView
from core.exceptions import Invalid, NotFound
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from modules.whatsapp.codes import png
from modules.whatsapp.exceptions import CodeNotReady
from modules.whatsapp.gateways import gateways
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.services import sandbox, sessions

MANAGE = "whatsapp:sessions"
_FORMAT = OpenApiParameter(
    "format",
    str,
    description="`base64`: JSON; `raw`: the text of the code; `png`: the picture itself.",
    enum=["base64", "raw", "png"],
)


class _SessionView(APIView):
    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    scopes: ClassVar[dict[str, str]] = {"*": MANAGE}

    def the_session(self) -> WhatsAppSession:
        """The caller's. Raises NotFound where none was opened yet."""
        mine = WhatsAppSession.objects.of(user_id=self.principal.user_id, environment=self.principal.environment)
        session: WhatsAppSession | None = mine.first()
        if session is None:
            raise NotFound("No session was opened yet.")
        return session

    def shown(self, session: WhatsAppSession, status: int = 200) -> Response:
        """A session as an answer."""
        return Response(shapes.WhatsAppSessionSerializer(session).data, status=status)


class StatusView(_SessionView):
    scopes: ClassVar[dict[str, str]] = {"GET": "whatsapp:read"}

    @extend_schema(summary="Get the session", responses=shapes.WhatsAppSessionSerializer)
    def get(self, request: Request) -> Response:
        """Where the session stands. Changes come as `whatsapp.session.changed`, too."""
        return self.shown(self.the_session())


class InitView(_SessionView):
    @extend_schema(
        summary="Connect the session",
        request=shapes.WhatsAppSessionInitSerializer,
        responses={202: shapes.WhatsAppSessionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Begin to connect, or go on. When the state is `qr_ready`, fetch the code from `/api/v1/sessions/qr/` and scan it with
        the phone (or type `pairing_code` there, where you gave `pairing_number`). Asking twice is harmless.
        """
        serializer = shapes.WhatsAppSessionInitSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        session = sessions.open_session(user=self.actor, environment=self.principal.environment, **serializer.validated_data)
        return self.shown(session, status=202)


class DisconnectView(_SessionView):
    @extend_schema(
        summary="Disconnect the session",
        request=shapes.WhatsAppSessionCloseSerializer,
        responses={202: shapes.WhatsAppSessionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Stop, and unlink the phone unless told otherwise. What is queued waits until its time is over. Twice is harmless."""
        serializer = shapes.WhatsAppSessionCloseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        forget = serializer.validated_data["forget"]
        return self.shown(sessions.close_session(session=self.the_session(), actor=self.actor, forget=forget), status=202)


class RestartView(_SessionView):
    @extend_schema(summary="Restart the session", request=None, responses={202: shapes.WhatsAppSessionSerializer})
    def post(self, request: Request) -> Response:
        """Down and up again at the gateway, without unlinking the phone; ends a pause too."""
        return self.shown(sessions.restart_session(session=self.the_session(), actor=self.actor), status=202)


class PaceView(_SessionView):
    @extend_schema(summary="Set the pace", request=shapes.WhatsAppPaceSerializer, responses=shapes.WhatsAppSessionSerializer)
    def patch(self, request: Request) -> Response:
        """How fast messages go out. Numbers are banned for writing too fast: think twice before you raise it."""
        serializer = shapes.WhatsAppPaceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        session = sessions.set_pace(session=self.the_session(), actor=self.actor, **serializer.validated_data)
        return self.shown(session)


class CodeView(_SessionView):
    scopes: ClassVar[dict[str, str]] = {"GET": MANAGE}
    conflicts: ClassVar[tuple[str, ...]] = ("GET",)

    @extend_schema(
        summary="Get the code to scan",
        parameters=[_FORMAT],
        responses={
            (200, "application/json"): shapes.WhatsAppCodeSerializer,
            (200, "image/png"): OpenApiResponse(bytes, description="The code."),
            (200, "text/plain"): OpenApiResponse(str, description="What the code says."),
        },
    )
    def get(self, request: Request) -> Any:
        """The QR code that WhatsApp's *Linked devices* scans, or the pairing code. 409 `qr_not_ready` while there is none."""
        wanted = request.query_params.get("format", "base64")
        if wanted not in ("base64", "raw", "png"):
            raise Invalid.field("format", "One of base64, raw, png.", "invalid_choice")
        session = self.the_session()
        if not session.qr_code and not (session.pairing_code and wanted == "base64"):
            raise CodeNotReady(retry_after=2)
        if wanted == "raw":
            return _uncached(HttpResponse(session.qr_code, content_type="text/plain; charset=utf-8"))
        picture = png(session.qr_code) if session.qr_code else b""
        if wanted == "png":
            return _uncached(HttpResponse(picture, content_type="image/png"))
        text = base64.b64encode(picture).decode()
        return Response(
            {
                "value": session.qr_code,
                "png_base64": text,
                "data_url": f"data:image/png;base64,{text}" if text else "",
                "pairing_code": session.pairing_code,
            },
            headers={"Cache-Control": "no-store"},
        )


class DriversView(_SessionView):
    scopes: ClassVar[dict[str, str]] = {"GET": "whatsapp:read"}

    @extend_schema(summary="List the drivers", responses=shapes.WhatsAppDriverSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What can carry messages here, what each can do and what it needs to know."""
        return Response(shapes.WhatsAppDriverSerializer(gateways(), many=True).data)


class SandboxView(_SessionView):
    @extend_schema(
        summary="Set how the sandbox behaves",
        request=shapes.WhatsAppSandboxSerializer,
        responses=shapes.WhatsAppSandboxSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Make it slow, make it fail, have it answer; what is not named stays. Numbers ending in 0000 have no WhatsApp there."""
        serializer = shapes.WhatsAppSandboxSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        session = sandbox.behave(session=self.the_session(), **serializer.validated_data)
        return Response(session.options)


class SandboxScanView(_SessionView):
    @extend_schema(summary="Scan the sandbox's code", request=None, responses=shapes.WhatsAppSessionSerializer)
    def post(self, request: Request) -> Response:
        """Be the phone: the session is connected. Without this it connects by itself after a moment."""
        return self.shown(sandbox.scan(session=self.the_session()))


class SandboxReceiveView(_SessionView):
    @extend_schema(
        summary="Have somebody write to the sandbox",
        request=shapes.WhatsAppSandboxMessageSerializer,
        responses={202: shapes.WhatsAppAcceptedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Be somebody who writes: the message comes in as from a real gateway."""
        serializer = shapes.WhatsAppSandboxMessageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        event = sandbox.write(session=self.the_session(), **serializer.validated_data)
        return Response({"event_id": event.event_id}, status=202)


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
