"""The stream of a person: what happens to the account, its sessions, keys and webhooks."""

from collections.abc import Collection
from uuid import UUID

from core.principals import Principal
from events.streams import StreamKind


def _may_follow(principal: Principal, identifier: str) -> bool:
    return str(principal.user_id) == identifier


def _followers(identifier: str) -> Collection[UUID]:
    return [UUID(identifier)]


USER = StreamKind(
    name="user",
    description="What happens to one's own account: `user:<id of the account>`.",
    may_follow=_may_follow,
    followers=_followers,
)
