"""Access and refresh tokens: simplejwt makes and checks them, with a key ring (`kid`) of our own under it.

Claims: `sub` (user), `sid` (session), `jti`, `iat`, `exp`, `iss`, `aud`, `token_type`. HS256 only; the first key signs, each
verifies. Nothing here says whether a session still lives: that is the database's to say (users.selectors).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from core import crypto
from users.exceptions import InvalidToken
from users.models import Session

ALGORITHM = "HS256"


class KeyringBackend(TokenBackend):
    """Signs with the newest key and names it in the header; verifies with the key the header names."""

    def encode(self, payload: dict[str, Any]) -> str:
        """The signed token."""
        kid, secret = next(iter(settings.JWT_SIGNING_KEYS.items()))
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        return jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": kid})

    def get_verifying_key(self, token: Any) -> Any:
        """The secret named by the token's `kid`. Raises TokenBackendError for an unknown one."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("Token is invalid") from error
        secret = settings.JWT_SIGNING_KEYS.get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise TokenBackendError("Token is invalid")
        return secret


@cache
def _backend() -> KeyringBackend:
    return KeyringBackend(
        ALGORITHM,
        signing_key=next(iter(settings.JWT_SIGNING_KEYS.values())),
        audience=settings.JWT_AUDIENCE,
        issuer=settings.JWT_ISSUER,
        leeway=settings.JWT_LEEWAY_SECONDS,
    )


class SessionAccessToken(AccessToken):
    """A short-lived bearer token of one session."""

    def get_token_backend(self) -> KeyringBackend:
        """Our key ring."""
        return _backend()


class SessionRefreshToken(RefreshToken):
    """A token that can be exchanged once."""

    access_token_class = SessionAccessToken

    def get_token_backend(self) -> KeyringBackend:
        """Our key ring."""
        return _backend()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked token says. Times are seconds since the epoch."""

    user_id: UUID
    session_id: UUID
    jti: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in or refresh answers; `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int


def jti_digest(jti: str) -> bytes:
    """What is stored of a refresh token."""
    return crypto.sha256(jti)


def make_pair(session: Session, refresh: SessionRefreshToken) -> TokenPair:
    """The two tokens of a session whose `refresh_digest` is `refresh`'s."""
    access = SessionAccessToken()
    for token in (access, refresh):
        token["sub"], token["sid"] = str(session.user_id), str(session.pk)
    return TokenPair(str(access), str(refresh), int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()))


def read_access(token: str) -> Claims:
    """Check an access token. Raises InvalidToken."""
    return _read(SessionAccessToken, token)


def read_refresh(token: str) -> Claims:
    """Check a refresh token. Raises InvalidToken."""
    return _read(SessionRefreshToken, token)


def _read(kind: type[Token], text: str) -> Claims:
    try:
        token = kind(text)  # type: ignore[arg-type]
        return Claims(UUID(token["sub"]), UUID(token["sid"]), str(token["jti"]), int(token["iat"]), int(token["exp"]))
    except (TokenError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error
