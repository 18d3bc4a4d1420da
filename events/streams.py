"""The kinds of stream: who may follow one, and whose webhooks hear of it.

A stream is named `<kind>:<id>`: `user:0199…`, `room:0199…`. Each app declares its kinds in its AppConfig
(`stream_kinds = ("users.streams.USER",)`).
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.utils.module_loading import import_string

from core.principals import Principal
from core.registry import domain_apps
from events.exceptions import StreamNotFound

MAX_NAME = 96
SCOPE = "events:read"
_NAME = re.compile(r"([a-z][a-z_]{0,31}):([A-Za-z0-9_-]{1,63})")


@dataclass(frozen=True, slots=True)
class StreamKind:
    """One kind of stream.

    `may_follow(principal, id)` decides at subscription and again whenever something about the caller changes; what it depends on
    announces its changes with `core.principals.announce_change`. `followers(id)` are the users whose webhooks get its events;
    who has none may be left out. `earliest(principal, id)` is the position up to which the past is not the caller's to see, when
    there is such a thing. A key needs `scope` besides `events:read`, when one is named. `shows_followers` says that who follows
    is told who else does.
    """

    name: str
    description: str
    may_follow: Callable[[Principal, str], bool]
    followers: Callable[[str], Collection[UUID]]
    scope: str | None = None
    earliest: Callable[[Principal, str], int] | None = None
    shows_followers: bool = False


@cache
def stream_kinds() -> dict[str, StreamKind]:
    """Every kind of the installed apps, by name."""
    kinds: list[StreamKind] = [import_string(path) for config in domain_apps() for path in config.stream_kinds]
    return {kind.name: kind for kind in kinds}


def parse(name: str) -> tuple[StreamKind, str]:
    """The kind and id in a stream's name. Raises StreamNotFound."""
    match = _NAME.fullmatch(name) if len(name) <= MAX_NAME else None
    kind = stream_kinds().get(match.group(1)) if match else None
    if match is None or kind is None:
        raise StreamNotFound
    return kind, match.group(2)


def check_may_follow(principal: Principal, name: str) -> None:
    """Raises StreamNotFound unless the caller may follow the stream. May read the database."""
    kind, identifier = parse(name)
    if principal.scopes is not None and not {SCOPE, kind.scope or SCOPE} <= principal.scopes:
        raise StreamNotFound
    if not kind.may_follow(principal, identifier):
        raise StreamNotFound


def earliest(principal: Principal, name: str) -> int:
    """The position up to which the stream's past is not the caller's to see; 0 where all of it is. May read the database."""
    kind, identifier = parse(name)
    return 0 if kind.earliest is None else kind.earliest(principal, identifier)


def shows_followers(name: str) -> bool:
    """Whether those who follow the stream are told who else does."""
    return parse(name)[0].shows_followers


def followers(name: str) -> Collection[UUID]:
    """The users whose webhooks hear of the stream's events; none for a kind that is switched off."""
    try:
        kind, identifier = parse(name)
    except StreamNotFound:
        return ()
    return kind.followers(identifier)
