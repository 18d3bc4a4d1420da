"""Commands of one kind that arrive together are carried out together: one transaction and one exchange serve many.

What arrives while one batch is under way is the next one, so a single command waits for nobody and many share the cost. Calls
that would wait for each other's locks are never in two batches at once.
"""

import asyncio
import logging
from collections import deque

from django.db import InterfaceError, OperationalError

from core.exceptions import DomainError, Failed, Unavailable
from core.socket_commands import Call, Handler, Outcome
from events.hub.background import Tasks
from events.hub.threads import Threads

log = logging.getLogger(__name__)
MAX_BATCH = 128
# A batch that has to wait for a lock does not hold up the next one.
AT_ONCE = 2
Waiting = tuple[Call, asyncio.Future[Outcome]]


class Batches:
    """The calls of one command; `apart` is what `Command.apart` says."""

    def __init__(self, threads: Threads, tasks: Tasks, handler: Handler, apart: str | None = None) -> None:
        self._threads = threads
        self._tasks = tasks
        self._handler = handler
        self._apart = apart
        self._busy: set[str] = set()
        self._waiting: deque[Waiting] = deque()
        self._under_way = 0

    async def submit(self, call: Call) -> Outcome:
        """What becomes of it."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, future))
        if self._under_way < AT_ONCE and self._key(call) not in self._busy:
            self._under_way += 1
            self._tasks.spawn(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while batch := self._next():
                calls = [call for call, _ in batch]
                busy = {key for call in calls if (key := self._key(call)) is not None}
                self._busy |= busy
                try:
                    outcomes = await self._threads.run(lambda calls=calls: _carry_out(self._handler, calls))  # type: ignore[misc]
                except Exception:
                    # Whoever asked is answered, whatever broke.
                    log.exception("Commands could not be carried out")
                    outcomes = [Failed()] * len(calls)
                finally:
                    self._busy -= busy
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    # Who left does not wait any more.
                    if not future.done():
                        future.set_result(outcome)
        finally:
            self._under_way -= 1

    def _next(self) -> list[Waiting]:
        """Those that wait, in the order of their arrival, for nothing that is under way."""
        batch: list[Waiting] = []
        held: list[Waiting] = []
        while self._waiting and len(batch) < MAX_BATCH:
            one = self._waiting.popleft()
            (held if self._key(one[0]) in self._busy else batch).append(one)
        self._waiting.extendleft(reversed(held))
        return batch

    def _key(self, call: Call) -> str | None:
        value = call.frame.get(self._apart) if self._apart is not None else None
        return value if isinstance(value, str) else None


def _carry_out(handler: Handler, calls: list[Call]) -> list[Outcome]:
    """Together; one by one when that fails for another reason than an outage, so that one call harms itself only."""
    try:
        return list(handler(calls))
    except (OperationalError, InterfaceError) as error:
        log.warning("Commands could not be carried out (%s)", type(error).__name__)
        return [Unavailable(retry_after=1.0)] * len(calls)
    except DomainError as error:
        if len(calls) == 1:
            return [error]
    except Exception:
        log.exception("A command failed")
        if len(calls) == 1:
            return [Failed()]
    return [outcome for call in calls for outcome in _carry_out(handler, [call])]
