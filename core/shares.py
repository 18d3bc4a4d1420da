"""Who may have how many of a dispatcher's slots, so that receivers that hang do not hold back the others.

An endpoint (where a piece of work goes to) whose last answer was quick may have `each` slots. One that is new to this process, or
was slow, has one; the new ones together have half of the slots, the slow ones a quarter. So receivers that hang leave slots to
those that are known to be well.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

# The least recently answered are forgotten, and new again.
MAX_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be claimed: `limit` in all, of an endpoint what `rooms` says, of one that it does not name `each`."""

    limit: int
    each: int
    rooms: dict[UUID, int]


class Shares:
    """The slots of one dispatcher: which endpoints hold how many, and how quick their last answers were."""

    def __init__(self, size: int, each: int) -> None:
        self.size = size
        self.each = each
        self._busy: Counter[UUID] = Counter()
        self._quick: dict[UUID, bool] = {}

    def take(self, endpoint: UUID) -> None:
        """Count a slot as taken."""
        self._busy[endpoint] += 1

    def give_back(self, endpoint: UUID, *, quick: bool) -> None:
        """Count it as free again, and remember the answer."""
        self._busy[endpoint] -= 1
        if not self._busy[endpoint]:
            del self._busy[endpoint]
        self._quick.pop(endpoint, None)
        self._quick[endpoint] = quick
        if len(self._quick) > MAX_KNOWN:
            del self._quick[next(iter(self._quick))]

    def offers(self) -> Iterator[Offer]:
        """What may be claimed now: of slow endpoints, new ones, quick ones. What is taken of one offer counts for the next."""
        for known, most, whole in ((False, 1, self.size // 4), (None, 1, self.size // 2), (True, self.each, self.size)):
            used = sum(count for endpoint, count in self._busy.items() if self._quick.get(endpoint) is known)
            limit = min(max(1, whole) - used, self.size - self._busy.total())
            if limit <= 0:
                continue
            if known is None:
                yield Offer(limit, most, dict.fromkeys([*self._quick, *self._busy], 0))
            elif rooms := {
                endpoint: most - self._busy[endpoint]
                for endpoint, quick in self._quick.items()
                if quick is known and self._busy[endpoint] < most
            }:
                yield Offer(limit, 0, rooms)
