"""HTTP in the realtime process: `GET /api/v1/events/` waits here without holding a thread, then Django answers it.

The wait ends when the stream is past the asked position, or its time is over; what the answer says, who may have it and what it
costs is the REST view's business, which sees the request without `wait`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import DatabaseError

from api import gate
from api.v1.events.waiting import WAITED
from core.addresses import address_of
from core.exceptions import DomainError
from core.principals import Principal
from core.responses import dumps
from events.hub import Frame, Hub
from events.hub.threads import Threads
from events.streams import check_may_follow

PATH = "/api/v1/events/"
LIVE_PATH = "/health/live"
MAX_WAIT_SECONDS = 30.0
MAX_WAITING = 2_000
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _Waiter:
    """A subscriber that is told once."""

    def __init__(self) -> None:
        self.told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def deliver(self, frame: Frame) -> None:
        """Something happened; ephemeral frames do not count."""
        if frame.seq and not self.told.done():
            self.told.set_result(None)


class Polling:
    """The HTTP side of the realtime process."""

    def __init__(self, rest: Callable[..., Awaitable[None]], hub: Hub, threads: Threads) -> None:
        self._rest = rest
        self._hub = hub
        self._threads = threads
        self._waiting = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == LIVE_PATH:
            await _answer(send, 200, {"status": "ok"})
        elif scope["path"] != PATH:
            error = {"code": "not_found", "message": "This process serves /ws/v1/ and /api/v1/events/ only.", "details": []}
            await _answer(send, 404, {"success": False, "error": error, "meta": {}})
        else:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            wait = query.get("wait", "")
            if wait.isdecimal() and len(wait) <= 2 and 0 < int(wait) <= MAX_WAIT_SECONDS and self._waiting < MAX_WAITING:
                self._waiting += 1
                try:
                    waited = await self._wait(scope, query, float(wait))
                finally:
                    self._waiting -= 1
                query.pop("wait")
                scope = {**scope, "query_string": urlencode(query).encode(), WAITED: waited}
            await self._rest(scope, receive, send)

    async def _wait(self, scope: dict[str, Any], query: dict[str, str], seconds: float) -> bool:
        """Until there is something to answer; not at all when the view would refuse or answer anyway. Whether it waited."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        stream, since = query.get("stream", ""), query.get("since", "")
        if not since.isdecimal() or len(since) > 16:
            return False
        address = address_of((scope.get("client") or ("",))[0], headers.get(b"x-forwarded-for", ""))
        waiter = _Waiter()
        try:
            if not await self._threads.run(lambda: _may_wait(headers.get(b"authorization", ""), address, stream)):
                return False
            feed = await self._hub.open(stream)
            if feed.seq != int(since) or query.get("epoch") not in (None, feed.epoch):
                return False
            self._hub.join(feed, waiter, None, None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter.told
        except DatabaseError:
            return False
        else:
            return True
        finally:
            self._hub.leave(stream, waiter)


def _may_wait(header: str, address: str | None, stream: str) -> bool:
    outcome = gate.usable(gate.resolve(header), address)
    if not isinstance(outcome, Principal):
        return False
    try:
        check_may_follow(outcome, stream)
    except DomainError:
        return False
    return True


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    text = dumps(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
