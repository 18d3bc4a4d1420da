"""Who is calling, as parsed once and kept for a few seconds in each process.

`Principal` is everything the request gate needs to know of a credential. `PrincipalCache` keeps them, refused credentials
too, bounded and short-lived. A change is announced by NOTIFY in the transaction that makes it, so PostgreSQL delivers it to every
process exactly when it commits: there is no gap between commit and announcement in which a crash could lose it.
"""

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.limits import Policy
from core.once import once

log = logging.getLogger(__name__)
CHANNEL = "atelier_principals"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ChangedKind = Literal["user", "session", "api_key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `scopes` is None for a signed-in person (all of them) and the granted set for a key.

    `expires_at` is in seconds since the epoch. `limits` are checked in order: each policy with the key it is counted under.
    """

    kind: Literal["session", "api_key"]
    user_id: UUID
    credential_id: UUID
    is_staff: bool
    is_guest: bool
    scopes: frozenset[str] | None
    expires_at: float
    limits: tuple[tuple[Policy, str], ...]
    environment: Literal["live", "test"] = "live"
    networks: tuple[Network, ...] = ()
    user_text: str = field(init=False)
    key_text: str | None = field(init=False)
    caller: str = field(init=False)
    via: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_text", str(self.user_id))
        object.__setattr__(self, "key_text", str(self.credential_id) if self.kind == "api_key" else None)
        # A test key's calls are another world's: what they were answered is no answer to a live call.
        object.__setattr__(self, "caller", f"user:{self.user_id}" + (":test" if self.environment == "test" else ""))
        object.__setattr__(self, "via", "session" if self.kind == "session" else f"api_key:{self.credential_id}")

    @property
    def api_key_id(self) -> UUID | None:
        """The key's id when a key is calling."""
        return self.credential_id if self.kind == "api_key" else None

    @property
    def session_id(self) -> UUID | None:
        """The session's id when a person is calling."""
        return self.credential_id if self.kind == "session" else None

    def allows_address(self, address: str | None) -> bool:
        """Whether the caller's address lies in one of the allowed networks; no networks allow all."""
        if not self.networks:
            return True
        try:
            ip = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A credential that was looked up and refused, with the code and sentence to answer."""

    code: str
    message: str


Outcome = Principal | Refusal


class PrincipalCache:
    """Digest of a credential -> outcome, for `ttl` seconds, at most `size` of each sort, oldest dropped first."""

    def __init__(self, *, ttl: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._refused: dict[bytes, tuple[float, Refusal]] = {}
        self.generation = 0

    def get(self, digest: bytes) -> Outcome | None:
        """The fresh outcome, or None. Lock-free: one dictionary look-up."""
        entry: tuple[float, Outcome] | None = self._known.get(digest) or self._refused.get(digest)
        if entry is None or entry[0] < self._clock():
            return None
        return entry[1]

    def put(self, digest: bytes, outcome: Outcome, generation: int) -> None:
        """Keep an outcome that was read from the database after `generation` was noted.

        If anything was invalidated since, it is dropped: it may have been read before the change it would outlive.
        """
        with self._lock:
            if generation != self.generation:
                return
            deadline = self._clock() + self._ttl
            if isinstance(outcome, Principal):
                self._known.pop(digest, None)
                self._known[digest] = (deadline, outcome)
                self._trim(self._known)
            else:
                self._refused.pop(digest, None)
                self._refused[digest] = (deadline, outcome)
                self._trim(self._refused)

    def _trim(self, entries: dict[bytes, tuple[float, Principal]] | dict[bytes, tuple[float, Refusal]]) -> None:
        while len(entries) > self._size:
            del entries[next(iter(entries))]

    def drop(self, kind: str, identifier: str) -> None:
        """Forget what belongs to a user, session or key, and every refusal (one may have become valid)."""
        with self._lock:
            self.generation += 1
            self._refused.clear()
            for digest, (_, principal) in list(self._known.items()):
                owner = principal.user_id if kind == "user" else principal.credential_id
                if str(owner) == identifier:
                    del self._known[digest]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.generation += 1
            self._known.clear()
            self._refused.clear()

    def __len__(self) -> int:
        return len(self._known) + len(self._refused)


@once
def principal_cache() -> PrincipalCache:
    """The process's cache."""
    return PrincipalCache(ttl=settings.PRINCIPAL_CACHE_SECONDS, size=settings.PRINCIPAL_CACHE_SIZE)


def announce_change(kind: ChangedKind, identifier: UUID) -> None:
    """Tell every process, when the running transaction commits, to forget what it knows of this user, session or key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{kind} {identifier}"])
