"""API keys: the own ones, everyone's for administrators."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api import gate
from api.v1.api_keys import serializers as shapes
from api.v1.api_keys.filters import APIKeyFilter
from api.views import APIView, GenericViewSet
from api_keys import selectors as key_selectors
from api_keys import services
from api_keys.models import APIKey
from core import registry
from core.exceptions import Invalid, NotAllowed
from core.permissions import HasScope, IsActiveUser, IsNotGuest
from core.principals import Outcome, Principal
from users.models import User


@extend_schema_view(
    list=extend_schema(
        summary="List API keys", description="The own keys; administrators see everyone's. Revoked ones stay listed."
    ),
    retrieve=extend_schema(summary="Get an API key", description="One key, without its secret."),
)
class APIKeyViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """API keys."""

    permission_classes = (IsActiveUser, HasScope, IsNotGuest)
    queryset = APIKey.objects.none()
    serializer_class = shapes.APIKeySerializer
    filterset_class = APIKeyFilter
    search_fields = ("name", "prefix", "last_four", "owner__username", "owner__email")
    ordering_fields = ("created_at", "name", "last_used_at", "expires_at")
    ordering = ("-created_at", "-id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": "api_keys:read", "*": "api_keys:write"}

    def get_queryset(self) -> Any:
        """What the caller may see."""
        return APIKey.objects.visible_to(user_id=self.principal.user_id, is_staff=self.principal.is_staff)

    @extend_schema(
        summary="Create an API key", request=shapes.APIKeyCreateSerializer, responses={201: shapes.NewAPIKeySerializer}
    )
    def create(self, request: Request) -> Response:
        """Make a key. The raw key is in this answer and nowhere else."""
        serializer = shapes.APIKeyCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        owner = self._owner(data.pop("owner", None))
        made = services.create_key(owner=owner, actor=self.actor, granting=self.principal, **data)
        return self._with_secret(made, request.path)

    @extend_schema(
        summary="Change an API key", request=shapes.APIKeyUpdateSerializer(partial=True), responses=shapes.APIKeySerializer
    )
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Set some fields; every process knows within a second."""
        key = self.get_object()
        serializer = shapes.APIKeyUpdateSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        key = services.update_key(key=key, actor=self.actor, granting=self.principal, **serializer.validated_data)
        return Response(shapes.APIKeySerializer(key).data)

    @extend_schema(summary="Revoke an API key", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """End the key for good, in every process within a second. It stays listed as revoked."""
        services.revoke_key(key=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(summary="Rotate an API key", request=shapes.RotateSerializer, responses={201: shapes.NewAPIKeySerializer})
    def rotate(self, request: Request, **kwargs: Any) -> Response:
        """Make a successor now; the old key works for the chosen grace, never past its own expiry."""
        key = self.get_object()
        serializer = shapes.RotateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        grace = timedelta(seconds=serializer.validated_data["grace_seconds"])
        made = services.rotate_key(key=key, actor=self.actor, grace=grace, granting=self.principal)
        return self._with_secret(made, "/api/v1/api-keys/")

    def _owner(self, owner_id: Any) -> User:
        if owner_id is None or owner_id == self.principal.user_id:
            return self.actor
        if not self.principal.is_staff:
            raise NotAllowed("Only administrators may make keys for others.", code="admin_required")
        owner: User | None = User.objects.filter(pk=owner_id, is_guest=False).first()
        if owner is None:
            raise Invalid.field("owner", "There is no such account.", "does_not_exist")
        return owner

    def _with_secret(self, made: services.NewKey, path: str) -> Response:
        data = {**shapes.APIKeySerializer(made.key).data, "key": made.raw}
        return Response(data, status=201, headers={"Location": f"{path}{made.key.pk}/", "Cache-Control": "no-store"})


class ScopesView(APIView):
    scopes: ClassVar[dict[str, str]] = {"GET": "api_keys:read"}

    @extend_schema(summary="List the scopes", responses=shapes.ScopeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every scope that a key can have in this installation."""
        for_admins = registry.admin_scopes()
        return Response(
            [
                {"scope": scope, "description": text, "admin_only": scope in for_admins}
                for scope, text in sorted(registry.scopes().items())
            ]
        )


class VerifyView(APIView):
    permission_classes = (IsActiveUser,)
    sensitive: ClassVar[dict[str, str]] = {"POST": "verify"}
    idempotent = False

    @extend_schema(summary="Verify an API key", request=shapes.VerifySerializer, responses=shapes.VerdictSerializer)
    def post(self, request: Request) -> Response:
        """Whether the calling key, or one given in the body, is valid, and for what. Any key or session may ask."""
        serializer = shapes.VerifySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        raw = serializer.validated_data.get("key")
        if raw is None:
            if self.principal.kind != "api_key":
                raise Invalid.field("key", "Call with a key, or send one to look at.", "required")
            return Response(_verdict(self.principal))
        return Response(_verdict(gate.resolve(f"ApiKey {raw}")))


def _verdict(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Principal) and outcome.expires_at <= time.time():
        # The gate may still hold, for a few seconds, what it read before the end.
        outcome = key_selectors.EXPIRED
    if not isinstance(outcome, Principal):
        return {
            "valid": False,
            "code": outcome.code,
            "key_id": None,
            "owner": None,
            "environment": None,
            "scopes": [],
            "expires_at": None,
        }
    expiry = None if outcome.expires_at == float("inf") else datetime.fromtimestamp(outcome.expires_at, UTC)
    return {
        "valid": True,
        "code": None,
        "key_id": outcome.credential_id,
        "owner": outcome.user_id,
        "environment": outcome.environment,
        "scopes": sorted(outcome.scopes or ()),
        "expires_at": expiry,
    }
