"""The server under the fake gateways: reads calls, misbehaves as planned, takes down what was accepted. Nothing of Django."""

import contextlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from modules.whatsapp.tests.fake_behaviour import Behaviour, Plan, answer, reset


class Wrong(Exception):
    """A call that is not as the contract says: a list of what is wrong."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found


@dataclass(frozen=True)
class Call:
    """One call: header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Wrong(["the body is no JSON"]) from error


@dataclass(frozen=True)
class Answer:
    """What is answered; bytes go out as they are, anything else as JSON."""

    status: int
    body: Any = b""

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Sent:
    """A message that was accepted. `times` counts how often it came."""

    id: str
    recipient: str
    kind: str
    content: str
    client_id: str
    session: str
    file: dict[str, str] | None = None
    reply_to: str = ""
    times: int = 1


@dataclass
class Log:
    """All that came."""

    record: str = ""
    calls: list[Call] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def accept(self, sent: Sent) -> Sent:
        """Take a message down; one with a client id that was here before is that one."""
        for before in self.sent:
            if sent.client_id and (before.session, before.client_id) == (sent.session, sent.client_id):
                for name in ("recipient", "kind", "content", "file", "reply_to"):
                    if getattr(before, name) != getattr(sent, name):
                        self.violations.append(f"{sent.client_id} came again with another {name}")
                before.times += 1
                return before
        self.sent.append(sent)
        if self.record:
            with Path(self.record).open("a") as file:
                file.write(json.dumps({**asdict(sent), "at": time.time()}) + "\n")
                file.flush()
        return sent


class FakeServer(ABC):
    """Answers calls with `answer`, which does what is asked under the lock and may raise Wrong."""

    def __init__(self, record: str = "") -> None:
        self.log = Log(record)
        self.lock = threading.RLock()
        self.plan = Plan()
        self._closing = threading.Event()
        self._server: _Server | None = None

    @abstractmethod
    def answer(self, call: Call) -> Answer:
        """What a call is answered with."""

    def order(self, order: dict[str, Any]) -> Any:
        """What the control endpoint is told, but behaviours."""
        raise Wrong([f"no such order: {sorted(order)}"])

    @property
    def sent(self) -> list[Sent]:
        return self.log.sent

    @property
    def violations(self) -> list[str]:
        return self.log.violations

    @property
    def place(self) -> str:
        """As OUTGOING_ALLOWED_PRIVATE names it."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def tell(self, behaviour: str, times: int = 1, **more: Any) -> None:
        """Misbehave in the next calls (see Behaviour). What is slow does its work at once and answers late."""
        self.plan.add(Behaviour(behaviour, times, **more))

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one call."""
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        size = int(headers.get("content-length", 0))
        body = handler.rfile.read(size)
        if len(body) < size:
            # Who called was killed in the middle: that is no call.
            handler.close_connection = True
            return
        call = Call(handler.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
        if call.path == "/_control":
            self._write(handler, self._controlled(call))
            return
        step = self.plan.take(call.path)
        with self.lock:
            self.log.calls.append(call)
        if isinstance(step, Behaviour):
            self._misbehave(handler, call, step)
        else:
            self._write(handler, self._checked(call))

    def _misbehave(self, handler: BaseHTTPRequestHandler, call: Call, step: Behaviour) -> None:
        if step.behaviour in ("hang", "drop_before"):
            if step.behaviour == "hang":
                self._closing.wait()
            reset(handler)
        elif step.behaviour == "status":
            answer(handler, step.code, Answer(step.code, b"" if step.body is None else step.body).raw, headers=step.headers)
        else:
            done = self._checked(call)
            if step.behaviour == "slow":
                self._closing.wait(step.seconds)
                self._write(handler, done)
            elif step.behaviour == "drop_after_accept":
                reset(handler)
            else:
                raw = b"<html>it works</html>" if step.behaviour == "wrong_body" else done.raw[: len(done.raw) // 2]
                answer(handler, 200, raw)

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, given: Answer) -> None:
        answer(handler, given.status, given.raw)

    def _checked(self, call: Call) -> Answer:
        try:
            with self.lock:
                return self.answer(call)
        except Wrong as error:
            self.log.violations.extend(f"{call.method} {call.path}: {found}" for found in error.found)
            return Answer(599, {"violations": error.found})

    def _controlled(self, call: Call) -> Answer:
        """`{}` asks for what came so far, `{"behaviour": …, "times": …}` is `tell`, the rest is `order`."""
        try:
            order = call.json
            if "behaviour" in order:
                self.tell(**order)
            elif order:
                return Answer(200, {"done": self.order(order)})
        except (Wrong, TypeError, ValueError, LookupError) as error:
            return Answer(400, {"error": repr(error)})
        return Answer(200, {"sent": [asdict(one) for one in self.sent], "violations": self.violations})

    def open(self, port: int = 0) -> Self:
        """Listen, on any free port unless one is named."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def take(self) -> None:
                with contextlib.suppress(OSError):
                    fake.take(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = take

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = _Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening; those that hang are let go."""
        assert self._server is not None
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


F = TypeVar("F", bound=FakeServer)


@contextlib.contextmanager
def running(fake: F, port: int = 0) -> Iterator[F]:
    """A fake for the length of a block."""
    fake.open(port)
    try:
        yield fake
    finally:
        fake.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of the plan."""
