"""What the tests of the reference clients share: somebody with a stream, and an application around each client."""

import asyncio
import contextlib
import functools
import importlib.util
import itertools
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
from websockets.sync.client import ClientConnection, connect

from config.local.layout import PROJECT
from config.tests.live import LiveProduct

EXAMPLES = PROJECT / "docs" / "examples"
PATIENCE = 40.0
PUBLISH = """
import sys, django
django.setup()
from django.db import transaction
import events
from users.events import UserUpdated
user, count = sys.argv[1], int(sys.argv[2])
with transaction.atomic():
    for number in range(count):
        events.publish(UserUpdated(user=user, username=str(number), changed=["email"]), stream=f"user:{user}")
"""
PAGE = """<!doctype html><title>events</title><script type="module">
import { AtelierEvents, Refused } from "/atelier-events.js";
Object.assign(window, { AtelierEvents, Refused, tokens: [], asked: 0, seen: [], resets: [], others: [], end: "" });
window.start = (url, streams) => {
  window.client = new AtelierEvents(url, {
    token: async () => tokens[Math.min(asked++, tokens.length - 1)],
    onEvent: (event) => (event.seq ? seen.push([event.seq, event.id, event.ts]) : others.push(event)),
    onReset: (stream) => resets.push(stream),
  });
  for (const [name, position] of Object.entries(streams)) client.follow(name, position);
  client.run().then(() => (end = "stopped"), (error) => (end = `${error.constructor.name} ${error.message}`));
};
window.ready = true;
</script>"""


class Pages(BaseHTTPRequestHandler):
    """Serves the page and the module under test."""

    def do_GET(self) -> None:
        """Answer with one of the two."""
        body = PAGE.encode() if self.path == "/" else (EXAMPLES / "atelier-events.js").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing: the test's output is for the test."""


@contextlib.contextmanager
def serving_pages() -> Iterator[str]:
    """The origin of a page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Person:
    """Somebody with a stream."""

    def __init__(self, product: LiveProduct) -> None:
        self.product = product
        self.id, self.name, self.password = product.make_person()
        self.stream = f"user:{self.id}"

    @property
    def url(self) -> str:
        """Where sockets are."""
        return f"http://127.0.0.1:{self.product.address.realtime_port}"

    def sign_in(self) -> Any:
        """New tokens."""
        return self.product.sign_in(self.name, self.password)

    def happen(self, count: int) -> None:
        """Publish events to the stream from a process of the product's."""
        environment = {**self.product.state.environment, "PATH": "/usr/bin:/bin"}
        subprocess.run(
            [sys.executable, "-c", PUBLISH, self.id, str(count)], env=environment, cwd=PROJECT, check=True, timeout=120
        )

    @property
    def head(self) -> tuple[str, int]:
        """The stream's position."""
        ((epoch, seq),) = self.product.query("SELECT epoch, seq FROM events_stream WHERE key = %s", (self.stream,))
        return epoch, seq

    def stored(self, since: int) -> list[tuple[int, str, int]]:
        """(seq, id, milliseconds) of all events after `since`."""
        statement = (
            "SELECT seq, id::text, floor(extract(epoch FROM created_at) * 1000)::bigint FROM events_event "
            "WHERE stream = %s AND seq > %s ORDER BY seq"
        )
        return self.product.query(statement, (self.stream, since))


@functools.cache
def python_client() -> Any:
    """The module under test, loaded from where it is."""
    spec = importlib.util.spec_from_file_location("atelier_events", EXAMPLES / "atelier_events.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Application:
    """What an integrator writes around the Python client: it notes what it is told."""

    def __init__(self, person: Person, tokens: Callable[[], str] | None = None) -> None:
        self.person = person
        self.tokens = tokens or (lambda: person.sign_in()["access"])
        self.seen: list[tuple[int, str, int]] = []
        self.resets: list[str] = []
        self.others: list[Any] = []
        self.fail_at = 0
        self.client = python_client().AtelierEvents(person.url, token=self.token, on_event=self.on_event, on_reset=self.on_reset)

    async def token(self) -> str:
        return await asyncio.to_thread(self.tokens)

    async def on_event(self, event: Any) -> None:
        if event.get("seq") and event["seq"] == self.fail_at:
            self.fail_at = 0
            raise LookupError("the application's own mistake")
        if event.get("seq"):
            self.seen.append((event["seq"], event["id"], event["ts"]))
        else:
            self.others.append(event)

    async def on_reset(self, stream: str) -> None:
        self.resets.append(stream)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """The client at work."""
        task = asyncio.create_task(self.client.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], Any], task: "asyncio.Task[None] | None" = None) -> None:
        """Wait for a condition; the client's own end, unless it is what is waited for, fails the test."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                if task is not None and task.done():
                    task.result()
                await asyncio.sleep(0.02)

    async def caught_up(self, task: "asyncio.Task[None]") -> None:
        """Wait until everything that is stored now was had."""
        head = self.person.head[1]
        await self.until(lambda: self.client.positions.get(self.person.stream, ("", 0))[1] >= head, task)


class Browser:
    """A page in a headless Chromium, spoken to over its DevTools protocol. `state` is what is told when waiting fails."""

    state = "[end, resets, others, seen.length]"

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def run(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for. Raises LookupError while there is no page."""
        number = next(self._numbers)
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        self._socket.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                if "error" in answer:
                    raise LookupError(answer["error"])
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait for an expression to be true; its value."""
        end = time.monotonic() + PATIENCE
        while True:
            # The page may be on its way to its address.
            with contextlib.suppress(LookupError):
                if value := self.run(expression):
                    return value
            assert time.monotonic() < end, f"waited for {expression}: {self.run(self.state)}"
            time.sleep(0.05)

    def start(self, person: Person, streams: dict[str, Any], tokens: list[str] | None = None) -> None:
        """Run the client on the page."""
        self.run(f"tokens = {json.dumps(tokens or [person.sign_in()['access']])}")
        self.run(f"start({json.dumps(person.url)}, {json.dumps(streams)})")

    def caught_up(self, person: Person) -> list[tuple[int, str, int]]:
        """Wait until everything that is stored now was had; all that was seen."""
        self.until(f"client.positions.get('{person.stream}')?.[1] >= {person.head[1]}")
        return [tuple(row) for row in self.run("seen")]


@contextlib.contextmanager
def page_open(devtools: int, address: str, ready: str = "window.ready") -> Iterator[Browser]:
    """A new page, when `ready` is true there."""
    answer = httpx.put(f"http://127.0.0.1:{devtools}/json/new?{quote(address, safe='')}")
    with connect(answer.json()["webSocketDebuggerUrl"], max_size=None) as socket:
        browser = Browser(socket)
        browser.until(ready)
        yield browser
