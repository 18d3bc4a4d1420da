"""The sender: one thread talks to the database, a pool of others to receivers.

A slot is free again when its outcome is written, so neither what is under way nor what waits to be written grows beyond
WEBHOOK_CONCURRENCY, also while PostgreSQL is away. Which endpoints may have how many is in webhooks.shares.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from webhooks import bell, claims
from webhooks.attempting import Outcome, attempt
from webhooks.claims import Claim
from webhooks.outcomes import settle
from webhooks.shares import Shares

log = logging.getLogger(__name__)
# Completions and rings that come together are answered by one look.
PAUSE_SECONDS = 0.01
SLOW_FRACTION = 3


class Sender:
    """The loop of the sending process; `stopping` ends it."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._wake = threading.Event()
        self._shares = Shares(settings.WEBHOOK_CONCURRENCY, settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT)
        self._pool = ThreadPoolExecutor(settings.WEBHOOK_CONCURRENCY, thread_name_prefix="webhook")
        self._under_way: dict[Future[None], Claim] = {}
        self._finished: SimpleQueue[Outcome] = SimpleQueue()
        self._unsettled: list[Outcome] = []

    def run(self) -> None:
        """Send until `stopping` is set, then finish what is under way; an outage of PostgreSQL or Redis is waited out."""
        threading.Thread(target=bell.listen, args=(self._wake, self.stopping), name="webhook-bell", daemon=True).start()
        while not self.stopping.is_set():
            self._wake.clear()
            try:
                self.settle_finished()
                self.claim_and_start()
            except (DatabaseError, InterfaceError) as error:
                log.warning("PostgreSQL is away (%s); the sender tries again", type(error).__name__)
                self.stopping.wait(bell.SWEEP_SECONDS)
            finally:
                close_old_connections()
            self._wake.wait(bell.SWEEP_SECONDS)
            self.stopping.wait(PAUSE_SECONDS)
        self.finish()
        close_old_connections()

    def stop(self) -> None:
        """End `run` soon; may be called by a signal handler."""
        self.stopping.set()
        self._wake.set()

    def claim_and_start(self) -> int:
        """Take what is due and start it; how many."""
        started = 0
        for offer in self._shares.offers():
            started += self._start(claims.claim(offer.limit, each=offer.each, rooms=offer.rooms))
        return started

    def settle_finished(self) -> int:
        """Write the outcomes that are there and free their slots; how many. If that fails they are kept for the next time."""
        while True:
            try:
                self._unsettled.append(self._finished.get_nowait())
            except Empty:
                break
        if not self._unsettled:
            return 0
        self._write(self._unsettled)
        slow_ms = settings.WEBHOOK_TIMEOUT_SECONDS * 1000 / SLOW_FRACTION
        for outcome in self._unsettled:
            self._shares.give_back(outcome.claim.endpoint_id, quick=outcome.duration_ms <= slow_ms)
        count = len(self._unsettled)
        self._unsettled = []
        self._under_way = {future: claim for future, claim in self._under_way.items() if not future.done()}
        return count

    def drain(self) -> int:
        """Send until nothing is due and nothing under way; how many attempts."""
        attempts = 0
        while (started := self.claim_and_start()) or self._under_way:
            attempts += started
            wait(list(self._under_way))
            self.settle_finished()
        return attempts

    def finish(self) -> None:
        """Wait for what is under way, at most the timeout of an attempt; give back what was not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        unbegun = [claim for future, claim in self._under_way.items() if future.cancelled()]
        wait([future for future in self._under_way if not future.cancelled()], timeout=settings.WEBHOOK_TIMEOUT_SECONDS + 2)
        try:
            self.settle_finished()
            if unbegun:
                claims.give_back(unbegun)
        except (DatabaseError, InterfaceError) as error:
            # The claims run out by themselves.
            log.warning("PostgreSQL is away (%s); some attempts are not written down", type(error).__name__)

    def _start(self, taken: Sequence[Claim]) -> int:
        for claim in taken:
            self._shares.take(claim.endpoint_id)
            future = self._pool.submit(self._attempt, claim)
            self._under_way[future] = claim
        return len(taken)

    def _attempt(self, claim: Claim) -> None:
        """In a thread of the pool."""
        self._finished.put(attempt(claim))
        self._wake.set()

    def _write(self, outcomes: Sequence[Outcome]) -> None:
        try:
            settle(outcomes)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError:
            log.exception("Outcomes could not be written together")
            self._write_singly(outcomes)

    def _write_singly(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            try:
                settle([outcome])
            except (OperationalError, InterfaceError):
                raise
            except DatabaseError:
                # Its claim runs out, and it is tried again.
                log.exception("The outcome of delivery %s could not be written", outcome.claim.delivery_id)
