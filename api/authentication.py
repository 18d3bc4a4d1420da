"""DRF's view of the request gate: `request.auth` is the principal, `request.user` a user that is loaded when first touched."""

from typing import Any

from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from api import gate
from core.exception_handler import AUTHENTICATE
from core.exceptions import NotAuthenticated
from core.principals import Principal
from users.models import User


class GateAuthentication(BaseAuthentication):
    """Bearer tokens and API keys."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        """(lazy user, principal), or None without credentials. Raises NotAuthenticated."""
        principal = gate.authenticate(request._request)
        if principal is None:
            return None
        return lazy_user(principal), principal

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return AUTHENTICATE


def lazy_user(principal: Principal) -> Any:
    """The principal's account, loaded when first touched. Touching raises NotAuthenticated when it is gone."""
    return SimpleLazyObject(lambda: _load(principal))


def _load(principal: Principal) -> User:
    user: User | None = User.objects.filter(pk=principal.user_id, is_active=True).first()
    if user is None:
        raise NotAuthenticated("The account is gone.")
    return user
