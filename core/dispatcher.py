"""The loops of the relay process, which work off rows.

A `Worker` does so by itself. A `Dispatcher` does it through the outside world: one thread talks to the database, a pool of others
out. A slot is free again when its outcome is written, so neither what is under way nor what waits to be written grows beyond the
number of slots, also while PostgreSQL is away. A subclass says what is claimed, attempted and written; claims run out by
themselves, so a killed process loses nothing.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import ClassVar, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from core.bell import QUIET_SECONDS, SWEEP_SECONDS, Bell

log = logging.getLogger(__name__)
# Completions and rings that come together are answered by one look.
PAUSE_SECONDS = 0.01
MIN_REST_SECONDS = 0.02

C = TypeVar("C")
O = TypeVar("O")  # noqa: E741 - an outcome, beside the claim


class Worker(ABC):
    """Looks for work at each ring of its bell, and each second; `stopping` ends it."""

    bell: ClassVar[Bell]
    name: ClassVar[str]

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._wake = threading.Event()

    @abstractmethod
    def turn(self) -> None:
        """Do what is due."""

    def finish(self) -> None:  # noqa: B027 - most leave nothing behind
        """Leave things in order."""

    def rest(self) -> float:
        """How long to wait for a ring before looking again, in seconds."""
        return SWEEP_SECONDS

    def run(self) -> None:
        """Work until `stopping` is set; an outage of PostgreSQL or Redis is waited out."""
        ears = threading.Thread(target=self.bell.listen, args=(self._wake, self.stopping), name=f"{self.name}-bell", daemon=True)
        ears.start()
        woken = False
        try:
            while not self.stopping.is_set():
                self._wake.clear()
                pause = SWEEP_SECONDS
                try:
                    self.turn()
                    # What was not rung for, because it had just been rung, is there by then.
                    pause = min(2 * QUIET_SECONDS, self.rest()) if woken else self.rest()
                    pause = max(MIN_REST_SECONDS, pause)
                except (OperationalError, InterfaceError) as error:
                    log.warning("PostgreSQL is away (%s); %s tries again", type(error).__name__, self.name)
                    self.stopping.wait(SWEEP_SECONDS)
                except Exception:
                    # One loop that fails must not end the process, and the others with it.
                    log.exception("%s cannot work; it tries again", self.name)
                    self.stopping.wait(SWEEP_SECONDS)
                finally:
                    close_old_connections()
                woken = self._wake.wait(pause)
                self.stopping.wait(PAUSE_SECONDS)
        finally:
            self.finish()
            close_old_connections()

    def stop(self) -> None:
        """End `run` soon; may be called by a signal handler."""
        self.stopping.set()
        self._wake.set()


class Dispatcher(Worker, Generic[C, O]):
    """Claims work, has it attempted in `size` threads, writes the outcomes.

    `patience` is how long what is under way may take to finish at the end, in seconds.
    """

    def __init__(self, *, size: int, patience: float) -> None:
        super().__init__()
        self._patience = patience
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=self.name)
        self._under_way: dict[Future[None], C] = {}
        self._finished: SimpleQueue[O] = SimpleQueue()
        self._unsettled: list[O] = []

    @abstractmethod
    def claim(self) -> int:
        """Take what is due and `start` it; how many."""

    @abstractmethod
    def attempt(self, claim: C) -> O:
        """Do it once, in a thread of the pool. Raises nothing: whatever happens is an outcome."""

    @abstractmethod
    def settle(self, outcomes: Sequence[O]) -> None:
        """Write outcomes in one transaction."""

    @abstractmethod
    def give_back(self, claims: Sequence[C]) -> None:
        """Undo claims that were never attempted."""

    def settled(self, outcome: O) -> None:
        """An outcome is written: its slot is free."""

    def turn(self) -> None:
        """Write what has finished, take what is due."""
        self.settle_finished()
        self.claim()

    def start(self, taken: Sequence[C]) -> int:
        """Have claims attempted; how many."""
        for claim in taken:
            self._under_way[self._pool.submit(self._attempt, claim)] = claim
        return len(taken)

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
        for outcome in self._unsettled:
            self.settled(outcome)
        count = len(self._unsettled)
        self._unsettled = []
        self._under_way = {future: claim for future, claim in self._under_way.items() if not future.done()}
        return count

    def drain(self) -> int:
        """Work until nothing is due and nothing under way; how many attempts."""
        attempts = 0
        while (started := self.claim()) or self._under_way:
            attempts += started
            wait(list(self._under_way))
            self.settle_finished()
        return attempts

    def finish(self) -> None:
        """Wait for what is under way, at most `patience`; give back what was not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        unbegun = [claim for future, claim in self._under_way.items() if future.cancelled()]
        wait([future for future in self._under_way if not future.cancelled()], timeout=self._patience)
        try:
            self.settle_finished()
            if unbegun:
                self.give_back(unbegun)
        except (DatabaseError, InterfaceError) as error:
            # The claims run out by themselves.
            log.warning("PostgreSQL is away (%s); some attempts of %s are not written down", type(error).__name__, self.name)

    def _attempt(self, claim: C) -> None:
        self._finished.put(self.attempt(claim))
        self._wake.set()

    def _write(self, outcomes: Sequence[O]) -> None:
        try:
            self.settle(outcomes)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError:
            log.exception("Outcomes of %s could not be written together", self.name)
            self._write_singly(outcomes)

    def _write_singly(self, outcomes: Sequence[O]) -> None:
        for outcome in outcomes:
            try:
                self.settle([outcome])
            except (OperationalError, InterfaceError):
                raise
            except DatabaseError:
                # Its claim runs out, and it is tried again.
                log.exception("An outcome of %s could not be written: %s", self.name, outcome)
