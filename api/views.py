"""Base views: the gate's limits and idempotency around DRF's life cycle."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, cast

from django.contrib.auth.models import AnonymousUser
from rest_framework import views, viewsets
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from api import gate
from api.authentication import lazy_user
from api.retirement import Retirement
from core import context, idempotency
from core.exceptions import NotFound
from core.middleware import endpoint_of
from core.permissions import HasScope, IsActiveUser, principal_of
from core.principals import Principal
from core.renderers import EnvelopeRenderer
from users.models import User

IDEMPOTENCY_HEADER = "HTTP_IDEMPOTENCY_KEY"
ANONYMOUS = AnonymousUser()
_RENDERER = EnvelopeRenderer()


@cache
def _instances(kinds: tuple[type[Any], ...]) -> tuple[Any, ...]:
    return tuple(kind() for kind in kinds)


def parsed(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body as `kind` has validated it. Raises ValidationError."""
    data: dict[str, Any] = dict(_serializer(kind).run_validation(request.data))
    return data


@cache
def _serializer(kind: type[Serializer[Any]]) -> Serializer[Any]:
    """One that validates everybody's input: making its fields anew takes longer than using them, and they keep nothing."""
    return kind()


class GateMixin(views.APIView):
    """What every API view has.

    `scopes` maps an action or method to the scope a key needs (see HasScope); `sensitive` maps an action or method to the name
    of a stricter limit per address; `conflicts` names the reads that the present state may refuse (409); `idempotent` is False
    where a repeated answer would be wrong (tokens); `retirement` says that the view's operations are deprecated, since when,
    until when and for what.
    """

    permission_classes: Any = (IsActiveUser, HasScope)
    scopes: ClassVar[dict[str, str]] = {}
    sensitive: ClassVar[dict[str, str]] = {}
    conflicts: ClassVar[tuple[str, ...]] = ()
    idempotent: ClassVar[bool] = True
    retirement: ClassVar[Retirement | None] = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Those of a retired operation, else none: `Allow` goes out with 405 only, and nothing is negotiated."""
        return self.retirement.headers() if self.retirement else {}

    @property
    def principal(self) -> Principal:
        """The caller. Raises NotAuthenticated."""
        return principal_of(self.request)

    @property
    def actor(self) -> User:
        """The caller's account, loaded on first use."""
        return cast(User, self.request.user)

    def perform_content_negotiation(
        self,
        request: Request,
        force: bool = False,  # noqa: FBT001, FBT002 - as DRF has it
    ) -> tuple[BaseRenderer, str]:
        """JSON, always: nothing to negotiate."""
        return _RENDERER, _RENDERER.media_type

    def get_permissions(self) -> Sequence[Any]:
        """The permissions are stateless: one instance of each serves every request."""
        return _instances(tuple(self.permission_classes))

    def perform_authentication(self, request: Request) -> None:
        """Authenticate, then take the limits: before any permission, so that refused calls count too."""
        principal = gate.authenticate(request._request)
        request.user = ANONYMOUS if principal is None else lazy_user(principal)
        request.auth = principal
        action = getattr(self, "action", None) or request.method or ""
        gate.admit(request._request, principal, self.sensitive.get(action, ""))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """DRF's checks; then a POST with an Idempotency-Key is run through the kept answers."""
        super().initial(request, *args, **kwargs)
        header = request._request.META.get(IDEMPOTENCY_HEADER)
        if header is not None and request.method == "POST" and self.idempotent and hasattr(self, "post"):
            self._run_once(request, idempotency.checked_key(header))

    def _run_once(self, request: Request, key: str) -> None:
        handler: Callable[..., Response] = self.post  # type: ignore[has-type]
        raw = request._request
        payload = b"\x1f".join([raw.get_full_path().encode(), (raw.content_type or "").encode(), raw.body])
        principal: Principal | None = request.auth  # type: ignore[assignment]
        caller = principal.caller if principal is not None else f"ip:{context.current().ip_address}"

        def post(request: Request, *args: Any, **kwargs: Any) -> Response:
            return idempotency.run_once(
                caller=caller,
                method="POST",
                route=endpoint_of(raw)[0],
                key=key,
                payload=payload,
                work=lambda: handler(request, *args, **kwargs),
            )

        # DRF looks the handler up on the instance after `initial`.
        self.post = post


class APIView(GateMixin):
    """A view of one resource or action."""


class GenericViewSet(GateMixin, viewsets.GenericViewSet[Any]):
    """A set of views over one model; compose it with DRF's list and retrieve mixins."""


class UnknownView(GateMixin):
    """Everything under /api/ that no pattern matches: 404 in the envelope, counted and limited like any request."""

    permission_classes: Any = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Limit by address and refuse, whatever the method."""
        gate.admit(request._request, None)
        hint = "" if request.path.endswith("/") else " Paths end with a slash."
        raise NotFound(f"There is nothing at this path.{hint}")
