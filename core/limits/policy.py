"""What is admitted: a name, a quota and a window."""

import math
from dataclasses import dataclass, field

BUCKETS = 60
MAX_LEASE_MS = 1000


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` units in any `window` seconds; in each window counted from the epoch when `fixed` (a day is a UTC day).

    `header` is the policy as in RateLimit-Policy. A sliding window is kept as 60 buckets, so a unit counts for at most
    window/60 plus a lease's life longer than the window.
    """

    name: str
    quota: int
    window: int
    fixed: bool = False
    header: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", f'"{self.name}";q={self.quota};w={self.window}')

    @property
    def bucket_ms(self) -> int:
        """The width of one bucket in milliseconds."""
        return self.window * 1000 if self.fixed else max(1, math.ceil(self.window * 1000 / BUCKETS))

    @property
    def lease_ms(self) -> int:
        """How long a leased unit may wait to be used, in milliseconds."""
        return min(MAX_LEASE_MS, max(1, self.window * 1000 // BUCKETS))


def parse_policy(name: str, text: str) -> Policy:
    """Read `quota/window`. Raises ValueError naming the policy."""
    quota, _, window = text.partition("/")
    if not (quota.isdecimal() and window.isdecimal() and int(quota) >= 0 and int(window) >= 1):
        raise ValueError(f"The limit {name!r} must be quota/seconds, got {text!r}.")
    return Policy(name, int(quota), int(window))
