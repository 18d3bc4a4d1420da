"""Sign-in, refresh and the end of sessions."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import connection, transaction
from django.utils import timezone

from core import audit, context
from core.exceptions import LimitExceeded, NotFound
from core.limits import Policy, limiter, parse_policy
from core.principals import announce_change
from events import publish
from users.choices import MailKind, RevocationReason
from users.events import MAX_SESSIONS_TOLD, SessionRevoked
from users.exceptions import InvalidCredentials, InvalidToken, RefreshTokenSpent
from users.models import Session, User
from users.services import letters
from users.tokens import SessionRefreshToken, TokenPair, jti_digest, make_pair, read_refresh

MAX_SESSIONS = 100
KNOWN_ADDRESS_DAYS = 30
_END = """
UPDATE users_session SET revoked_at = %s, revoked_reason = %s WHERE id = ANY(%s) AND revoked_at IS NULL RETURNING id
"""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new or refreshed session with its tokens."""

    user: User
    session: Session
    tokens: TokenPair


@cache
def _policies() -> tuple[Policy, Policy, Policy, Policy]:
    return (
        parse_policy("login-address", settings.LIMIT_LOGIN_ADDRESS_FAILURES),
        parse_policy("login-pair", settings.LIMIT_LOGIN_PAIR_FAILURES),
        parse_policy("login-account", settings.LIMIT_LOGIN_ACCOUNT_FAILURES),
        parse_policy("mail-account", settings.LIMIT_MAIL_PER_ACCOUNT),
    )


def mail_policy() -> Policy:
    """How many letters an account can be made to get."""
    return _policies()[3]


def charge_password_check(user: User) -> None:
    """Count a check of the current password by a signed-in person. Raises LimitExceeded."""
    decision = limiter().charge(_policies()[1], f"check:{user.pk}")
    if not decision.admitted:
        raise LimitExceeded("Too many attempts; try again later.", retry_after=decision.reset, code="login_throttled")


def account_key(identifier: str) -> str:
    """The name under which attempts on an account are counted, whether it exists or not."""
    return hashlib.sha256(identifier.strip().lower().encode()).hexdigest()[:32]


def sign_in(*, username: str, password: str) -> SignIn:
    """Check a name and password and open a session. Raises InvalidCredentials or LimitExceeded."""
    user = check_credentials(username=username, password=password)
    with transaction.atomic():
        update_last_login(None, user)  # type: ignore[arg-type]
        return open_session(user=user)


def check_credentials(*, username: str, password: str) -> User:
    """Who a name and password prove, wherever they are asked for. Raises InvalidCredentials or LimitExceeded.

    Failures are counted per address, per address and account, and per account over all addresses. The last is not
    counted against an address the owner signed in from lately, so strangers cannot lock an owner out.
    """
    address = context.current().ip_address or "unknown"
    account = account_key(username)
    charged = _charge_attempt(username, account, address)
    user = authenticate(None, username=username, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    if user.email_verified_at is None and settings.REGISTRATION_EMAIL_VERIFICATION == "required":
        if limiter().charge(mail_policy(), account).admitted and user.email:
            with transaction.atomic():
                letters.ask_for_letter(kind=MailKind.EMAIL_VERIFICATION, to=user.email, user=user)
        raise InvalidCredentials
    for policy, key in charged:
        limiter().refund(policy, key)
    return user


def _charge_attempt(username: str, account: str, address: str) -> list[tuple[Policy, str]]:
    """Count the attempt before it is checked, so that parallel guesses count too."""
    by_address, by_pair, by_account, _ = _policies()
    charges = [(by_address, address), (by_pair, f"{account}:{address}")]
    since = timezone.now() - timedelta(days=KNOWN_ADDRESS_DAYS)
    known = Session.objects.filter(
        user__in=User.objects.named(username), ip_address=context.current().ip_address, created_at__gt=since
    )
    if context.current().ip_address is None or not known.exists():
        charges.append((by_account, account))
    for policy, key in charges:
        decision = limiter().charge(policy, key)
        if not decision.admitted:
            raise LimitExceeded("Too many failed attempts; try again later.", retry_after=decision.reset, code="login_throttled")
    return charges


def open_session(*, user: User) -> SignIn:
    """A new session for an account that was just proven. Beyond a hundred, the least used one ends."""
    now = timezone.now()
    refresh = SessionRefreshToken()
    request = context.current()
    with transaction.atomic():
        absolute = now + settings.SESSION_MAX_AGE
        if user.is_guest and user.guest_expires_at is not None:
            absolute = min(absolute, user.guest_expires_at)
        session = Session.objects.create(
            user=user,
            refresh_digest=jti_digest(refresh["jti"]),
            expires_at=_expiry(now, absolute),
            absolute_expires_at=absolute,
            user_agent=request.user_agent,
            ip_address=request.ip_address,
        )
        surplus = Session.objects.active(now).filter(user=user).order_by("-last_used_at", "-pk")[MAX_SESSIONS:]
        ended = _end([old.pk for old in surplus], RevocationReason.REPLACED)
        audit.record("session.created", actor=user, target_type="session", target_id=session.pk, target_label=str(session))
        publish_end(user.pk, ended, RevocationReason.REPLACED)
    return SignIn(user, session, make_pair(session, refresh))


def _expiry(now: datetime, absolute: datetime) -> datetime:
    return min(now + settings.REFRESH_TOKEN_LIFETIME, absolute)


def refresh_session(*, token: str) -> SignIn:
    """Exchange a refresh token for new tokens. Of concurrent uses exactly one succeeds.

    Raises InvalidToken, or RefreshTokenSpent; a token spent longer ago than the grace ends the whole session.
    """
    claims = read_refresh(token)
    digest = jti_digest(claims.jti)
    refresh = SessionRefreshToken()
    now = timezone.now()
    with transaction.atomic():
        session = Session.objects.filter(pk=claims.session_id).select_related("user").first()
        if session is None or not session.user.is_active or session.user.is_expired_guest:
            raise InvalidToken
        # One statement decides: the row's lock lets concurrent uses through one by one, and only the first still matches.
        won = (
            Session.objects.active(now)
            .filter(pk=session.pk, refresh_digest=digest)
            .update(
                refresh_digest=jti_digest(refresh["jti"]),
                previous_digest=digest,
                rotated_at=now,
                last_used_at=now,
                expires_at=_expiry(now, session.absolute_expires_at),
                ip_address=context.current().ip_address,
            )
        )
    if not won:
        _judge_spent_token(claims.session_id, digest)
    return SignIn(session.user, session, make_pair(session, refresh))


def _judge_spent_token(session_id: UUID, digest: bytes) -> None:
    """A lost race within the grace is harmless; anything else that was once valid is theft. Always raises."""
    with transaction.atomic():
        session = Session.objects.active().select_for_update().filter(pk=session_id).select_related("user").first()
        if session is None:
            raise InvalidToken
        grace = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
        just_spent = (
            session.previous_digest is not None
            and bytes(session.previous_digest) == digest
            and session.rotated_at is not None
            and session.rotated_at > timezone.now() - grace
        )
        if not just_spent:
            ended = _end([session.pk], RevocationReason.REUSE)
            audit.record(
                "session.reuse_detected",
                actor=None,
                target_type="session",
                target_id=session.pk,
                target_label=session.user.username,
            )
            publish_end(session.user_id, ended, RevocationReason.REUSE)
    if just_spent:
        raise RefreshTokenSpent
    raise RefreshTokenSpent("This refresh token was used already; the session was ended to be safe.", code="refresh_token_reused")


def revoke_session(*, session: Session, actor: User, reason: RevocationReason = RevocationReason.REVOKED) -> None:
    """End one session at once. Ending an ended one changes nothing."""
    with transaction.atomic():
        if ended := _end([session.pk], reason):
            audit.record(
                "session.revoked",
                actor=actor,
                target_type="session",
                target_id=session.pk,
                target_label=str(session),
                changes={"reason": reason},
            )
            publish_end(session.user_id, ended, reason)


def sign_out(*, session_id: UUID, actor: User) -> None:
    """End the session that is calling."""
    session = Session.objects.filter(pk=session_id, user=actor).first()
    if session is None:
        raise NotFound
    revoke_session(session=session, actor=actor, reason=RevocationReason.LOGOUT)


def revoke_others(*, user: User, keep: UUID | None) -> int:
    """End every session of a user but one; how many."""
    with transaction.atomic():
        ended = _end(_active_ids(user, keep), RevocationReason.REVOKED)
        if ended:
            audit.record(
                "session.revoked_others",
                actor=user,
                target_type="user",
                target_id=user.pk,
                target_label=user.username,
                changes={"count": len(ended)},
            )
            publish_end(user.pk, ended, RevocationReason.REVOKED)
    return len(ended)


def end_all(*, user: User, reason: RevocationReason) -> list[UUID]:
    """End a user's sessions, in the caller's transaction, which ends with `publish_end` of what this returns."""
    return _end(_active_ids(user, None), reason)


def _active_ids(user: User, keep: UUID | None) -> list[UUID]:
    return [pk for pk in Session.objects.active().filter(user=user).values_list("pk", flat=True) if pk != keep]


def _end(session_ids: list[UUID], reason: RevocationReason) -> list[UUID]:
    """Which of them this call ended, and nobody before it."""
    if not session_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_END, [timezone.now(), reason.value, session_ids])
        ended = [row[0] for row in cursor.fetchall()]
    for session_id in ended:
        announce_change("session", session_id)
    return ended


def publish_end(user_id: UUID, ended: list[UUID], reason: RevocationReason) -> None:
    """Tell which sessions of a user ended in this transaction, if any."""
    if ended:
        told = SessionRevoked(user_id, ended[:MAX_SESSIONS_TOLD], len(ended), reason.value)
        publish(told, stream=f"user:{user_id}")
