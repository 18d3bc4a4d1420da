"""The addresses that gateways call. What they say is signed, written down and answered; work comes later."""

from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from api import gate
from api.v1.whatsapp import serializers as shapes
from api.views import ANONYMOUS, APIView
from core.exceptions import DomainError, LimitExceeded, NotFound
from core.limits import Policy, parse_policy
from core.parsers import BodyTooLarge
from modules.whatsapp.choices import Driver
from modules.whatsapp.services import hooks

_SIGNED = "For gateways: the raw body is signed with the session's secret (WAHA: `X-Webhook-Hmac`; Meta: `X-Hub-Signature-256`)."
_QUERY = [
    OpenApiParameter("hub.mode", str, description="`subscribe`"),
    OpenApiParameter("hub.verify_token", str),
    OpenApiParameter("hub.challenge", str),
]


class HookView(APIView):
    """The address of a gateway that serves all of its numbers."""

    permission_classes: Any = ()
    idempotent = False

    def perform_authentication(self, request: Request) -> None:
        """The signature is the credential: a gateway's call has a limit of its session's, others that of their address."""
        request.user, request.auth = ANONYMOUS, None

    @extend_schema(
        summary="Verify a webhook",
        parameters=_QUERY,
        responses={(200, "text/plain"): OpenApiResponse(str, description="The challenge.")},
    )
    def get(self, request: Request, driver: str, session_id: UUID | None = None) -> HttpResponse:
        """Answers Meta's challenge when the token fits."""
        query = {name: request.query_params.get(name, "") for name in ("hub.mode", "hub.verify_token", "hub.challenge")}
        try:
            challenge = hooks.verification(driver=_known(driver), session_id=session_id, query=query)
        except DomainError:
            gate.admit(request._request, None)
            raise
        return HttpResponse(challenge, content_type="text/plain; charset=utf-8")

    @extend_schema(
        summary="Take a gateway's call", description=_SIGNED, request=dict, responses=shapes.WhatsAppHookTakenSerializer
    )
    def post(self, request: Request, driver: str, session_id: UUID | None = None) -> Response:
        """Write down what a gateway tells, once."""
        raw = request._request
        body = raw.read(settings.MAX_JSON_BODY_BYTES + 1)
        try:
            if len(body) > settings.MAX_JSON_BODY_BYTES:
                raise BodyTooLarge
            if session_id is not None:
                # The key may be its owner's own. What is refused is repeated by gateways.
                gate.admit_as(raw, _policy(), f"hook:{session_id}")
            headers = {name.lower(): value for name, value in raw.headers.items()}
            new = hooks.take_down(driver=_known(driver), session_id=session_id, headers=headers, body=body)
        except LimitExceeded:
            raise
        except (DomainError, BodyTooLarge):
            gate.admit(raw, None)
            raise
        return Response({"new": new})


@extend_schema_view(
    get=extend_schema(operation_id="whatsapp_session_hooks_verify"),
    post=extend_schema(operation_id="whatsapp_session_hooks_take"),
)
class SessionHookView(HookView):
    """The address of one session."""


@cache
def _policy() -> Policy:
    return parse_policy("hooks", settings.LIMIT_HOOKS)


def _known(driver: str) -> str:
    """The driver of an address. Raises NotFound: the sandbox calls nobody."""
    if driver not in (Driver.WAHA, Driver.CLOUD_API):
        raise NotFound
    return driver
