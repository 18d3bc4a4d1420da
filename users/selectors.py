"""Reads for the request gate: from a token's claims to a principal."""

from functools import cache

from django.conf import settings
from django.utils import timezone

from core.limits import Policy, parse_policy
from core.principals import Outcome, Principal, Refusal
from users.models import Session
from users.tokens import Claims

_ENDED = Refusal("invalid_token", "The session has ended; sign in again.")


@cache
def user_policy() -> Policy:
    """The request limit of a signed-in person."""
    return parse_policy("default", settings.LIMIT_USER)


def session_outcome(claims: Claims) -> Outcome:
    """Who the checked claims stand for, in one query: the session must live and its user be active."""
    session = (
        Session.objects.active()
        .filter(pk=claims.session_id, user_id=claims.user_id, user__is_active=True)
        .select_related("user")
        .only("id", "user_id", "user__is_staff", "user__is_guest", "user__guest_expires_at", "user__tokens_valid_after")
        .first()
    )
    if session is None:
        return _ENDED
    user = session.user
    if claims.issued_at < int(user.tokens_valid_after.timestamp()):
        return _ENDED
    expires_at = float(claims.expires_at)
    if user.is_guest and user.guest_expires_at is not None:
        if user.guest_expires_at <= timezone.now():
            return _ENDED
        expires_at = min(expires_at, user.guest_expires_at.timestamp())
    return Principal(
        kind="session",
        user_id=user.pk,
        credential_id=session.pk,
        is_staff=user.is_staff,
        is_guest=user.is_guest,
        scopes=None,
        expires_at=expires_at,
        limits=((user_policy(), f"user:{user.pk}"),),
    )
