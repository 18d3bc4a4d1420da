"""The reference clients of docs/examples against the running product: JavaScript in a real browser."""

import asyncio
import contextlib
import functools
import importlib.util
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from config.local.layout import PROJECT
from config.tests.live import UNLIMITED, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

EXAMPLES = PROJECT / "docs" / "examples"
PATIENCE = 40.0
# More than the socket sends again at once.
FAR_BEHIND = 2_300
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


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the page is that the product knows."""
    with serving_pages() as url:
        yield url


@pytest.fixture(scope="module")
def product(origin: str) -> Iterator[LiveProduct]:
    """A product of our own, which lets the page's origin in."""
    with LiveProduct(extra={**UNLIMITED, "CORS_ALLOWED_ORIGINS": origin}) as running:
        yield running


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


@pytest.fixture
def person(product: LiveProduct) -> Person:
    """A new account."""
    product.wait_ready()
    return Person(product)


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


def test_python_has_each_event_once_and_in_order_although_the_server_is_killed(person: Person) -> None:
    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions[person.stream], task)
            start = app.client.positions[person.stream][1]
            await asyncio.to_thread(person.happen, 20)
            await app.caught_up(task)
            person.product.kill("realtime")
            await asyncio.to_thread(person.happen, 30)
            await app.caught_up(task)
            await asyncio.to_thread(person.happen, 5)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert len(app.seen) >= 55
            assert app.resets == [person.stream]

    asyncio.run(scenario())


@pytest.mark.parametrize("position", [("another", 0), (None, 1_000_000), (None, 0)])
def test_python_loads_anew_where_its_position_means_nothing_or_is_too_far_behind(
    person: Person, position: tuple[str | None, int]
) -> None:
    if position == (None, 0):
        person.happen(FAR_BEHIND)

    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(person.stream, (position[0] or person.head[0], position[1]))
        async with app.running() as task:
            await app.until(lambda: app.resets, task)
            start = person.head[1]
            await asyncio.to_thread(person.happen, 3)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert app.resets == [person.stream]

    asyncio.run(scenario())


def test_python_asks_for_a_new_token_when_its_session_ends_and_gives_up_when_none_helps(person: Person) -> None:
    given = []

    def sign_in() -> str:
        given.append(person.sign_in())
        return str(given[-1]["access"])

    async def scenario() -> None:
        app = Application(person, sign_in)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions[person.stream], task)
            start = app.client.positions[person.stream][1]
            caller = person.product.caller(f"Bearer {given[-1]['access']}")
            assert caller.delete(f"/api/v1/auth/sessions/{given[-1]['session_id']}/").status == 204
            await app.until(lambda: len(given) == 2, task)
            await asyncio.to_thread(person.happen, 2)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert app.resets == [person.stream]
        hopeless = Application(person, lambda: given[0]["access"])
        with pytest.raises(python_client().Refused, match="4401"):
            async with asyncio.timeout(PATIENCE):
                await hopeless.client.run()

    asyncio.run(scenario())


def test_python_says_what_may_not_be_followed(person: Person, product: LiveProduct) -> None:
    other = Person(product)

    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(other.stream)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions.get(person.stream), task)
            assert app.others == [{"t": "unsubscribed", "s": other.stream, "d": {"code": "stream_not_found"}}]
            assert list(app.client.positions) == [person.stream]

    asyncio.run(scenario())


def test_python_an_event_that_the_application_could_not_take_comes_again(person: Person) -> None:
    async def scenario() -> None:
        app = Application(person)
        epoch, start = person.head
        await app.client.follow(person.stream, (epoch, start))
        await asyncio.to_thread(person.happen, 4)
        app.fail_at = start + 3
        with pytest.raises(python_client().HandlerFailed) as failed:
            await asyncio.wait_for(app.client.run(), PATIENCE)
        assert isinstance(failed.value.__cause__, LookupError)
        assert [row[0] for row in app.seen] == [start + 1, start + 2]
        async with app.running() as task:
            await app.caught_up(task)
            assert app.seen == person.stored(start)

    asyncio.run(scenario())


class Browser:
    """A page in a headless Chromium, spoken to over its DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def run(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for."""
        number = next(self._numbers)
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        self._socket.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait for an expression to be true; its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(expression)):
            assert time.monotonic() < end, f"waited for {expression}: {self.run('[end, resets, others, seen.length]')}"
            time.sleep(0.05)
        return value

    def start(self, person: Person, streams: dict[str, Any], tokens: list[str] | None = None) -> None:
        """Run the client on the page."""
        self.run(f"tokens = {json.dumps(tokens or [person.sign_in()['access']])}")
        self.run(f"start({json.dumps(person.url)}, {json.dumps(streams)})")

    def caught_up(self, person: Person) -> list[tuple[int, str, int]]:
        """Wait until everything that is stored now was had; all that was seen."""
        self.until(f"client.positions.get('{person.stream}')?.[1] >= {person.head[1]}")
        return [tuple(row) for row in self.run("seen")]


@contextlib.contextmanager
def page_open(devtools: int, address: str) -> Iterator[Browser]:
    """A new page with the client loaded."""
    answer = httpx.put(f"http://127.0.0.1:{devtools}/json/new?{address}")
    with connect(answer.json()["webSocketDebuggerUrl"], max_size=None) as socket:
        browser = Browser(socket)
        browser.until("window.ready")
        yield browser


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The DevTools port of a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed: the JavaScript client is NOT TESTED here (apt-get install chromium)")
    profile = tmp_path_factory.mktemp("chromium")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command = [program, *options, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield _devtools_port(profile, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _devtools_port(profile: Path, process: "subprocess.Popen[bytes]") -> int:
    told = profile / "DevToolsActivePort"
    end = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text().count("\n")):
        assert process.poll() is None, (profile / "log").read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, "the browser does not listen"
        time.sleep(0.1)
    return int(told.read_text().splitlines()[0])


@pytest.fixture
def browser(chromium: int, origin: str) -> Iterator[Browser]:
    """A fresh page of the known origin."""
    with page_open(chromium, origin) as page:
        yield page


def test_javascript_has_each_event_once_and_in_order_although_the_server_is_killed(browser: Browser, person: Person) -> None:
    browser.start(person, {person.stream: None})
    _, start = browser.until(f"client.positions.get('{person.stream}')")
    person.happen(20)
    browser.caught_up(person)
    person.product.kill("realtime")
    person.happen(30)
    browser.caught_up(person)
    person.happen(5)
    seen = browser.caught_up(person)
    assert seen == person.stored(start)
    assert len(seen) >= 55
    assert browser.run("resets") == [person.stream]
    browser.run("client.stop()")
    assert browser.until("end") == "stopped"


def test_javascript_loads_anew_when_it_is_too_far_behind_and_follows_from_there(browser: Browser, person: Person) -> None:
    person.happen(FAR_BEHIND)
    start = person.head[1]
    browser.start(person, {person.stream: [person.head[0], 0]})
    browser.until("resets.length")
    person.happen(10)
    assert browser.caught_up(person) == person.stored(start)
    assert browser.run("resets") == [person.stream]


def test_javascript_loads_anew_in_another_epoch_and_says_what_may_not_be_followed(browser: Browser, person: Person) -> None:
    other = Person(person.product)
    browser.start(person, {other.stream: None, person.stream: ["another", 3]})
    assert browser.until("resets.length && resets") == [person.stream]
    start = person.head[1]
    person.happen(3)
    assert browser.caught_up(person) == person.stored(start)
    assert browser.run("others") == [{"t": "unsubscribed", "s": other.stream, "d": {"code": "stream_not_found"}}]


def test_javascript_asks_for_a_new_token_and_gives_up_when_none_helps(browser: Browser, person: Person) -> None:
    browser.start(person, {person.stream: None}, ["not-a-token", person.sign_in()["access"]])
    browser.until(f"client.positions.get('{person.stream}')")
    assert browser.run("asked") == 2
    browser.run("client.stop()")
    browser.until("end")
    browser.run("end = ''")
    browser.start(person, {person.stream: None}, ["not-a-token"])
    assert browser.until("end").startswith("Refused 4401")


def test_javascript_stops_where_its_origin_is_not_known(chromium: int, person: Person) -> None:
    with serving_pages() as stranger, page_open(chromium, stranger) as page:
        page.start(person, {person.stream: None})
        assert page.until("end").startswith("Refused 4403")
