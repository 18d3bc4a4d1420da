"""What API keys tell, each on the stream `user:<id of the owner>`: the fields are the public payload."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

KeyID = Annotated[UUID, Meta(description="The key's id.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1b21"])]
Owner = Annotated[UUID, Meta(description="The owner's account.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"])]
Name = Annotated[str, Meta(description="What its owner calls it.", examples=["Integration"])]
Prefix = Annotated[str, Meta(description="The first characters of the key, as lists show them.", examples=["atl_live_3kF9"])]
Expiry = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    Meta(description="When it ends; null for never.", examples=["2027-01-15T09:30:00Z"]),
]
End = Annotated[datetime, Meta(tz=True, description="When it ends.", examples=["2027-01-15T09:30:00Z"])]


@event_type("api_key.created")
@dataclass(frozen=True, slots=True)
class APIKeyCreated:
    """A key was made."""

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix
    environment: Annotated[
        str, Meta(description="`live` or `test`.", examples=["live"], extra_json_schema={"enum": ["live", "test"]})
    ]
    scopes: Annotated[list[str], Meta(description="What it may do.", examples=[["usage:read"]])]
    expires_at: Expiry


@event_type("api_key.updated")
@dataclass(frozen=True, slots=True)
class APIKeyUpdated:
    """A key was changed. The new values are read over REST."""

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix
    changed: Annotated[
        list[str], Meta(description="The names of the changed fields, sorted.", examples=[["daily_quota", "scopes"]])
    ]


@event_type("api_key.rotated")
@dataclass(frozen=True, slots=True)
class APIKeyRotated:
    """A successor with the same rights was made; the old key works until its new end."""

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix
    ends_at: Annotated[datetime, Meta(tz=True, description="When the old key ends.", examples=["2026-01-16T09:30:00Z"])]
    successor: Annotated[UUID, Meta(description="The new key's id.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1b22"])]
    successor_prefix: Annotated[str, Meta(description="The first characters of the new key.", examples=["atl_live_9xQ2"])]


@event_type("api_key.revoked")
@dataclass(frozen=True, slots=True)
class APIKeyRevoked:
    """A key was ended for good."""

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix


@event_type("api_key.expiring")
@dataclass(frozen=True, slots=True)
class APIKeyExpiring:
    """A key that can still be used ends soon: told once when a week is left, and once when a day is left.

    Nothing is told of a term that was shorter than that from the beginning.
    """

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix
    expires_at: End
    days: Annotated[
        int, Meta(description="Less than so many days are left: 7 or 1.", examples=[7], extra_json_schema={"enum": [7, 1]})
    ]


@event_type("usage.quota_reached")
@dataclass(frozen=True, slots=True)
class UsageQuotaReached:
    """A key's requests of a UTC day are used up: told once a key and day, at the first request that is refused."""

    api_key: KeyID
    owner: Owner
    name: Name
    prefix: Prefix
    day: Annotated[date, Meta(description="The UTC day.", examples=["2026-01-15"])]
    quota: Annotated[int, Meta(description="Requests a day that the key may make.", examples=[10000])]
