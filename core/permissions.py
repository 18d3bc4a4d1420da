"""Who may call: by principal, without loading the user row."""

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.exceptions import FieldError, NotAllowed, NotAuthenticated
from core.principals import Principal

if TYPE_CHECKING:
    # rest_framework.views itself imports what settings name here.
    from rest_framework.views import APIView


def principal_of(request: Request) -> Principal:
    """The caller. Raises NotAuthenticated for an anonymous one."""
    principal = request.auth
    if not isinstance(principal, Principal):
        raise NotAuthenticated
    return principal


class IsActiveUser(BasePermission):
    """Any signed-in person or key of an active account. (An inactive account's credentials resolve to no principal.)"""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal_of(request)
        return True


class IsAdminUser(BasePermission):
    """Staff only."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not principal_of(request).is_staff:
            raise NotAllowed("Only administrators may do this.", code="admin_required")
        return True


class IsNotGuest(BasePermission):
    """Full accounts only."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if principal_of(request).is_guest:
            raise NotAllowed("Guests may not do this; upgrade to an account first.", code="account_required")
        return True


class HasScope(BasePermission):
    """What a key must have been granted: `view.scopes` maps an action (or HTTP method) to a scope.

    People who signed in pass: scopes narrow keys only. An operation without a scope is closed to keys. HEAD is GET.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = request.auth
        if not isinstance(principal, Principal) or principal.scopes is None:
            return True
        declared: dict[str, str] = getattr(view, "scopes", {})
        method = "GET" if request.method == "HEAD" else request.method or ""
        needed = declared.get(getattr(view, "action", None) or "") or declared.get(method) or declared.get("*")
        if needed is None:
            raise NotAllowed("This needs a signed-in person; API keys may not do it.", code="session_required")
        if needed not in principal.scopes:
            raise NotAllowed(
                f"The API key lacks the scope {needed!r}.",
                code="insufficient_scope",
                details=[FieldError("scope", "missing", needed)],
            )
        return True


class IsOwnerOrAdmin(BasePermission):
    """The object's owner, or staff. Views fetch through a scoped queryset first; this guards a second time."""

    owner_fields: ClassVar[tuple[str, ...]] = ("owner_id", "user_id")

    def has_object_permission(self, request: Request, view: "APIView", obj: Any) -> bool:
        principal = principal_of(request)
        if principal.is_staff:
            return True
        owner = next((getattr(obj, field) for field in self.owner_fields if hasattr(obj, field)), None)
        return bool(owner == principal.user_id)
