"""Takes units for requests, from leases where it can."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any, NamedTuple

from redis import Redis

from core import metrics
from core.limits.local import LocalWindow
from core.limits.policy import Policy
from core.limits.script import REFUND, TAKE
from core.once import once
from core.redis import Breaker, RedisAway, breaker

MAX_LEASE_UNITS = 1024
MAX_TRACKED = 20_000
# After a refusal the process does not ask Redis again for this long at most: a flood costs a dictionary look-up.
REFUSAL_MEMORY_SECONDS = 0.5


class Decision(NamedTuple):
    """Whether a request is admitted, with what the RateLimit headers say. `reset` is in seconds."""

    admitted: bool
    policy: Policy
    remaining: int
    reset: float

    @property
    def header(self) -> str:
        """The state as in RateLimit."""
        return f'"{self.policy.name}";r={self.remaining};t={max(0, -int(-self.reset // 1))}'


@dataclass(frozen=True, slots=True)
class _Grant:
    """Units at hand. Taking one is `next(units)`, a single step of the interpreter: threads need no lock, and none waits.

    `units` counts down, so what it yields is what is left of the grant; `remaining` is what was left in Redis beside it.
    """

    units: Iterator[int]
    expires: float
    remaining: int
    reset_at: float


@dataclass(slots=True)
class _Lease:
    """One policy and key as this process sees it. The lock is for asking Redis and for limiting alone."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    grant: _Grant = field(default_factory=lambda: _Grant(iter(()), 0.0, 0, 0.0))
    size: int = 1
    back: int = 0
    bucket: str = "0"
    refused_until: float = 0.0
    local: LocalWindow | None = None

    @property
    def units(self) -> int:
        """How many units are at hand."""
        return length_hint(self.grant.units)


class Limiter:
    """Admits or refuses, never more than the policy in all processes together."""

    def __init__(self, breaker: Breaker, prefix: str = "atelier:limit:") -> None:
        self._breaker = breaker
        self._prefix = prefix
        self._leases: dict[tuple[str, Policy], _Lease] = {}
        self._guard = threading.Lock()

    def take(self, policy: Policy, key: str) -> Decision:
        """Take one unit of `policy` for `key`."""
        lease = self._leases.get((key, policy)) or self._track(key, policy)
        now = time.monotonic()
        decision = _from_hand(lease, policy, now)
        if decision is not None:
            return decision
        with lease.lock:
            # Another thread may have asked meanwhile.
            now = time.monotonic()
            decision = _from_hand(lease, policy, now)
            if decision is not None:
                return decision
            try:
                return self._renew(lease, policy, key, now)
            except RedisAway:
                return self._alone(lease, policy)

    def charge(self, policy: Policy, key: str) -> Decision:
        """Take one unit without a lease: exact at once in every process, for what is rare and must not be guessed."""
        try:
            granted, remaining, reset_ms, _ = self._breaker.call(
                lambda redis: _take(redis, self._prefix + policy.name + ":" + key, policy, 1, 0, "0")
            )
        except RedisAway:
            lease = self._leases.get((key, policy)) or self._track(key, policy)
            with lease.lock:
                return self._alone(lease, policy)
        return Decision(granted == 1, policy, remaining, reset_ms / 1000)

    def refund(self, policy: Policy, key: str) -> None:
        """Give back one charged unit, newest bucket first; with Redis away, nothing."""
        name = self._prefix + policy.name + ":" + key
        with contextlib.suppress(RedisAway):
            self._breaker.call(lambda redis: redis.register_script(REFUND)(keys=[name]))

    def forget(self) -> None:
        """Drop every lease; their units count as used. For tests and forked children."""
        with self._guard:
            self._leases.clear()

    def _track(self, key: str, policy: Policy) -> _Lease:
        with self._guard:
            while len(self._leases) >= MAX_TRACKED:
                del self._leases[next(iter(self._leases))]
            return self._leases.setdefault((key, policy), _Lease())

    def _renew(self, lease: _Lease, policy: Policy, key: str, now: float) -> Decision:
        """Ask Redis for the next lease: twice the last when that was used up in time, one unit when it was not."""
        old = lease.grant
        unused = sum(1 for _ in old.units)
        lease.back += unused
        used_up = unused == 0 and now < old.expires
        wanted = min(lease.size * 2, MAX_LEASE_UNITS, max(1, old.remaining // 8)) if used_up else 1
        granted, remaining, reset_ms, bucket = self._breaker.call(
            lambda redis: _take(redis, self._prefix + policy.name + ":" + key, policy, wanted, lease.back, lease.bucket)
        )
        lease.local, lease.back, lease.bucket, lease.size = None, 0, bucket, max(1, granted)
        reset = reset_ms / 1000
        if granted == 0:
            lease.grant = _Grant(iter(()), 0.0, 0, now + reset)
            lease.refused_until = now + min(REFUSAL_MEMORY_SECONDS, max(0.0, reset))
            return Decision(admitted=False, policy=policy, remaining=0, reset=reset)
        # Counted from before the question: the lease ends here no later than Redis takes it to.
        expires = now + (min(policy.lease_ms, reset_ms) if policy.fixed else policy.lease_ms) / 1000
        lease.grant = _Grant(iter(range(granted - 2, -1, -1)), expires, remaining, now + reset)
        return Decision(admitted=True, policy=policy, remaining=remaining + granted - 1, reset=reset)

    def _alone(self, lease: _Lease, policy: Policy) -> Decision:
        metrics.limit_fallbacks().inc()
        lease.local = lease.local or LocalWindow(policy)
        admitted, remaining, reset = lease.local.take()
        return Decision(admitted, policy, remaining, reset)


def _from_hand(lease: _Lease, policy: Policy, now: float) -> Decision | None:
    """A unit of the grant, or a refusal still remembered; None when Redis must be asked."""
    grant = lease.grant
    if now < grant.expires:
        left = next(grant.units, None)
        if left is not None:
            return Decision(admitted=True, policy=policy, remaining=grant.remaining + left, reset=grant.reset_at - now)
    if now < lease.refused_until:
        return Decision(admitted=False, policy=policy, remaining=0, reset=grant.reset_at - now)
    return None


def _take(redis: "Redis", key: str, policy: Policy, want: int, back: int, origin: str) -> tuple[int, int, int, str]:
    reply: Any = redis.register_script(TAKE)(
        keys=[key],
        args=[
            policy.quota,
            policy.bucket_ms,
            policy.window * 1000,
            policy.lease_ms,
            int(policy.fixed),
            want,
            back,
            origin,
        ],
    )
    granted, remaining, reset_ms, bucket = reply
    return int(granted), int(remaining), int(reset_ms), bucket.decode() if isinstance(bucket, bytes) else str(bucket)


@once
def limiter() -> Limiter:
    """The process's limiter."""
    return Limiter(breaker())
