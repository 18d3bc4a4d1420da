"""Accounts, for administrators."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.users.filters import UserFilter
from api.v1.users.serializers import UserCreateSerializer, UserSerializer, UserUpdateSerializer
from api.views import GenericViewSet
from core.permissions import HasScope, IsActiveUser, IsAdminUser
from users import services
from users.models import User


@extend_schema_view(
    list=extend_schema(summary="List accounts", description="Search by name or email; filter by state and time."),
    retrieve=extend_schema(summary="Get an account", description="One account."),
)
class UserViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Accounts."""

    permission_classes = (IsActiveUser, HasScope, IsAdminUser)
    queryset = User.objects.none()
    serializer_class = UserSerializer
    filterset_class = UserFilter
    search_fields = ("username", "email", "first_name", "last_name")
    ordering_fields = ("created_at", "username", "email", "last_login")
    ordering = ("-created_at", "-id")
    lookup_value_converter = "uuid"
    scopes: ClassVar[dict[str, str]] = {"GET": "users:read", "*": "users:write"}

    def get_queryset(self) -> Any:
        """Everyone: the permission lets administrators in only."""
        return User.objects.visible_to(user_id=self.principal.user_id, is_staff=self.principal.is_staff)

    @extend_schema(summary="Create an account", request=UserCreateSerializer, responses={201: UserSerializer})
    def create(self, request: Request) -> Response:
        """Make an account whose address an administrator vouches for."""
        serializer = UserCreateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = services.accounts.create_user(actor=self.actor, **serializer.validated_data)
        return Response(UserSerializer(user).data, status=201, headers={"Location": f"{request.path}{user.pk}/"})

    @extend_schema(summary="Replace an account's fields", request=UserUpdateSerializer, responses=UserSerializer)
    def update(self, request: Request, **kwargs: Any) -> Response:
        """Set the account's fields. The gate notices in every process at once."""
        return self._update(request, partial=False)

    @extend_schema(summary="Change an account", request=UserUpdateSerializer(partial=True), responses=UserSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Set some fields."""
        return self._update(request, partial=True)

    def _update(self, request: Request, *, partial: bool) -> Response:
        user = self.get_object()
        serializer = UserUpdateSerializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        user = services.accounts.update_user(user=user, actor=self.actor, **serializer.validated_data)
        return Response(UserSerializer(user).data)

    @extend_schema(summary="Delete an account", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove the account with its sessions and keys; the log and the audit trail keep its id."""
        services.accounts.delete_user(user=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(summary="Activate an account", request=None, responses=UserSerializer)
    def activate(self, request: Request, **kwargs: Any) -> Response:
        """Let it in again: its keys work, its sessions stay ended."""
        return Response(UserSerializer(services.accounts.activate_user(user=self.get_object(), actor=self.actor)).data)

    @extend_schema(summary="Deactivate an account", request=None, responses=UserSerializer)
    def deactivate(self, request: Request, **kwargs: Any) -> Response:
        """End its access at once, for tokens and keys already out too."""
        return Response(UserSerializer(services.accounts.deactivate_user(user=self.get_object(), actor=self.actor)).data)
