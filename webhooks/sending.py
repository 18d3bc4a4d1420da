"""The sender: takes deliveries that are due to their receivers. Which endpoints may have how many slots is in core.shares."""

from collections.abc import Sequence
from typing import ClassVar

from django.conf import settings

from core.bell import Bell
from core.dispatcher import Dispatcher
from core.shares import Shares
from webhooks import claims
from webhooks.attempting import Outcome, attempt
from webhooks.bell import BELL
from webhooks.claims import Claim
from webhooks.outcomes import settle

SLOW_FRACTION = 3


class Sender(Dispatcher[Claim, Outcome]):
    """Sends webhooks, WEBHOOK_CONCURRENCY at a time."""

    bell: ClassVar[Bell] = BELL
    name = "webhooks"

    def __init__(self) -> None:
        super().__init__(size=settings.WEBHOOK_CONCURRENCY, patience=settings.WEBHOOK_TIMEOUT_SECONDS + 2)
        self._shares = Shares(settings.WEBHOOK_CONCURRENCY, settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT)

    def claim(self) -> int:
        """Take what is due, endpoint by endpoint what its share allows."""
        started = 0
        for offer in self._shares.offers():
            taken = claims.claim(offer.limit, each=offer.each, rooms=offer.rooms)
            for claim in taken:
                self._shares.take(claim.endpoint_id)
            started += self.start(taken)
        return started

    def attempt(self, claim: Claim) -> Outcome:
        """One request."""
        return attempt(claim)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """What became of requests."""
        settle(outcomes)

    def give_back(self, taken: Sequence[Claim]) -> None:
        """They are due at once."""
        claims.give_back(taken)

    def settled(self, outcome: Outcome) -> None:
        """Its endpoint has earned slots, or lost them."""
        slow_ms = settings.WEBHOOK_TIMEOUT_SECONDS * 1000 / SLOW_FRACTION
        self._shares.give_back(outcome.claim.endpoint_id, quick=outcome.duration_ms <= slow_ms)
