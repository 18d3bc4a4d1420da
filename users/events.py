"""What accounts and sessions tell: the fields are the public payload."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

UserID = Annotated[UUID, Meta(description="The account's id.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"])]


@event_type("user.created")
@dataclass(frozen=True, slots=True)
class UserCreated:
    """An account was created, by registration, by an administrator, or as a guest."""

    user: UserID
    username: Annotated[str, Meta(description="The name it signs in with.", examples=["owner"])]
    is_guest: Annotated[bool, Meta(description="Whether it is a guest.", examples=[False])]
