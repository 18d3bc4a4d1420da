"""What accounts and sessions tell, each on the stream `user:<id of the account>`: the fields are the public payload.

A guest that ran out is told nothing of: its end is in `user.created`, and housekeeping switches such accounts off in bulk.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

MAX_SESSIONS_TOLD = 100
# Those of users.choices.RevocationReason, which stands beside this module; a test holds the two together.
REVOCATION_REASONS = ["logout", "revoked", "reuse", "password", "deactivated", "replaced", "admin"]

UserID = Annotated[UUID, Meta(description="The account's id.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"])]
Username = Annotated[str, Meta(description="The name it signs in with.", examples=["owner"])]


@event_type("user.created")
@dataclass(frozen=True, slots=True)
class UserCreated:
    """An account was created, by registration, by an administrator, or as a guest."""

    user: UserID
    username: Username
    is_guest: Annotated[bool, Meta(description="Whether it is a guest.", examples=[False])]
    expires_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When a guest's access ends; null for others.", examples=[None]),
    ] = None


@event_type("user.updated")
@dataclass(frozen=True, slots=True)
class UserUpdated:
    """An account or its profile was changed. The new values are read over REST."""

    user: UserID
    username: Username
    changed: Annotated[
        list[str],
        Meta(
            description="The names of the changed fields of the account and its profile, sorted. `password` and "
            "`email_verified_at` are named too; `is_active` has events of its own.",
            examples=[["email", "first_name"]],
        ),
    ]


@event_type("user.deactivated")
@dataclass(frozen=True, slots=True)
class UserDeactivated:
    """An account was switched off: its sessions ended, its keys are refused."""

    user: UserID
    username: Username


@event_type("user.activated")
@dataclass(frozen=True, slots=True)
class UserActivated:
    """An account was switched on again; its keys work again, its old sessions do not."""

    user: UserID
    username: Username


@event_type("user.deleted")
@dataclass(frozen=True, slots=True)
class UserDeleted:
    """An account was removed, with its sessions, profile, keys and webhooks; heard by administrators' webhooks only."""

    user: UserID
    username: Username


@event_type("session.revoked")
@dataclass(frozen=True, slots=True)
class SessionRevoked:
    """Sessions of an account ended before their time, in one operation and for one reason."""

    user: UserID
    sessions: Annotated[
        list[UUID],
        Meta(description="The ids of the ended sessions, the first 100.", examples=[["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a12"]]),
    ]
    count: Annotated[int, Meta(description="How many ended.", examples=[1])]
    reason: Annotated[
        str,
        Meta(
            description="Why: signed out (`logout`), ended by its user (`revoked`) or an administrator (`admin`), a spent "
            "refresh token was used again (`reuse`), the password changed (`password`), the account was switched off "
            "(`deactivated`), or there were too many (`replaced`).",
            examples=["logout"],
            extra_json_schema={"enum": REVOCATION_REASONS},
        ),
    ]
