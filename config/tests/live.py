"""A private copy of the whole product under the real runner, for tests that need real processes.

Owns its data directory, its ports and its end; hands out clients that know which server process answers them, and the means
to kill, stop and take away components. Nothing here is mocked and nothing of the test suite's own services is shared.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from config.local import health
from config.local.banner import read_env_file
from config.local.errors import tail
from config.local.files import entry_dir
from config.local.layout import PROJECT, Layout, WebAddress
from config.local.process import ChildSpec, Process, alive, free_port, spawn, stop
from config.local.state import InstanceState

READY_SECONDS = 120.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
# The tests of limits set their own; the server's must not be met by the rest.
UNLIMITED = dict.fromkeys(("LIMIT_USER", "LIMIT_API_KEY", "LIMIT_ANONYMOUS", "LIMIT_SENSITIVE"), "1000000/60")
_LISTENING, _ESTABLISHED = "0A", "01"


@dataclass(frozen=True)
class Answer:
    """A whole answer: it was read to its end."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.json["data"]


class Caller:
    """One keep-alive connection, opened when needed; a request raises OSError or HTTPException when no whole answer came."""

    def __init__(self, address: WebAddress, credential: str = "", timeout: float = 15.0) -> None:
        self.address = address
        self.credential = credential
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and read the answer to its end."""
        sent = {"Accept": "application/json", **(headers or {})}
        if self.credential:
            sent["Authorization"] = self.credential
        if body is not None:
            sent["Content-Type"] = "application/json"
        began = time.monotonic()
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = self._connection.getresponse()
            raw = answer.read()
        except BaseException:
            self._connection.close()
            raise
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, raw, time.monotonic() - began)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.call("POST", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    @property
    def local_port(self) -> int:
        """The client's end of the open connection."""
        port: int = self._connection.sock.getsockname()[1]
        return port

    def close(self) -> None:
        self._connection.close()


@dataclass
class LiveProduct:
    """The product, running. Start it from the main thread: its processes die with that thread."""

    extra: Mapping[str, str] = field(default_factory=lambda: dict(UNLIMITED))
    workers: int = 2
    root: Path = Path()
    _process: Process | None = None
    _spec: ChildSpec | None = None

    def __enter__(self) -> Self:
        # Not pytest's directory, which PostgreSQL's own user may not enter.
        self.root = entry_dir(Path(tempfile.mkdtemp(prefix="atelier-live-")))
        self.layout = Layout(self.root)
        self.address = WebAddress("127.0.0.1", free_port(), self.workers, 4, realtime=free_port())
        environment = bare_environment() | {
            "DATA_DIR": str(self.root),
            "PORT": str(self.address.port),
            "REALTIME_PORT": str(self.address.realtime_port),
            "WEB_WORKERS": str(self.workers),
            **self.extra,
        }
        self._spec = ChildSpec(
            "runner",
            (sys.executable, "-m", "config.local", "run"),
            environment,
            PROJECT,
            self.root / "runner.log",
            death_signal=signal.SIGTERM,
            grace_seconds=60.0,
        )
        self._process = spawn(self._spec)
        try:
            self.wait(self._announced, READY_SECONDS, "it did not start")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything and delete the data."""
        if self._process is not None and self._spec is not None:
            self._process.send_signal(signal.SIGCONT)
            stop([(self._spec, self._process)])
            self._process = None
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.address.port}"

    @property
    def state(self) -> InstanceState:
        """What the runner published last."""
        found = InstanceState.read(self.layout.state)
        assert found is not None, tail(self.root / "runner.log")
        return found

    @property
    def demo(self) -> dict[str, str]:
        """The demo credentials, as `make run` prints them."""
        return read_env_file(self.layout.demo_env)

    def caller(self, credential: str = "", timeout: float = 15.0) -> Caller:
        """A client on a connection of its own."""
        return Caller(self.address, credential, timeout)

    def key_caller(self, raw: str = "") -> Caller:
        """A client calling with a key, the demo key when none is named."""
        return self.caller(f"ApiKey {raw or self.demo['ATELIER_API_KEY']}")

    def sign_in(self, username: str = "", password: str = "") -> Any:
        """Sign in, as the demo administrator when nobody is named; the tokens."""
        caller = self.caller()
        body = {
            "username": username or self.demo["ATELIER_ADMIN_USERNAME"],
            "password": password or self.demo["ATELIER_ADMIN_PASSWORD"],
        }
        answer = caller.post("/api/v1/auth/login/", body)
        caller.close()
        assert answer.status == 200, answer.raw
        return answer.data

    def admin(self) -> Caller:
        """A client signed in as the demo administrator."""
        return self.caller(f"Bearer {self.sign_in()['access']}")

    def make_person(self) -> tuple[str, str, str]:
        """A new account: (id, username, password)."""
        name, password = f"person-{uuid.uuid4().hex[:12]}", f"long enough {uuid.uuid4().hex}"
        answer = self.admin().post("/api/v1/users/", {"username": name, "email": f"{name}@example.com", "password": password})
        assert answer.status == 201, answer.raw
        return answer.data["id"], name, password

    def make_key(self, **fields: Any) -> Any:
        """A new key (of the administrator unless `owner` is given) with `key` and `id`."""
        body = {"name": "live test", "scopes": ["account:read", "usage:read", "logs:read"], **fields}
        answer = self.admin().post("/api/v1/api-keys/", body)
        assert answer.status == 201, answer.raw
        return answer.data

    def pid(self, name: str) -> int | None:
        """The component's main process; None while it is away."""
        return next((process.pid for process in self.state.processes if process.name == name), None)

    def web_workers(self) -> list[int]:
        """The server's worker processes: those who hold the listening sockets."""
        main = self.pid("web")
        if main is None:
            return []
        listening = _inodes(self.address.port, _LISTENING)
        return sorted(child for child in _children(main) if listening & _sockets(child))

    def worker_of(self, caller: Caller) -> int:
        """Which server process holds the other end of a caller's open connection."""
        inodes = _inodes(self.address.port, _ESTABLISHED, remote=caller.local_port)
        return next(worker for worker in self.web_workers() if inodes & _sockets(worker))

    def callers_by_worker(self, each: int, credential: str = "") -> dict[int, list[Caller]]:
        """Open connections until every server process holds `each` of them."""
        found: dict[int, list[Caller]] = {worker: [] for worker in self.web_workers()}
        assert len(found) == self.workers
        for _ in range(each * self.workers * 20):
            caller = self.caller(credential)
            assert caller.get("/health/live").status == 200
            mine = found[self.worker_of(caller)]
            if len(mine) < each:
                mine.append(caller)
            else:
                caller.close()
            if all(len(callers) == each for callers in found.values()):
                return found
        raise AssertionError(f"the kernel gave the server processes {[len(c) for c in found.values()]} connections")

    def kill(self, name: str) -> None:
        """SIGKILL a component's main process, if it runs."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_web_worker(self) -> None:
        """SIGKILL one process of the server, not its main one."""
        for worker in self.web_workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    @contextlib.contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """Kill components and keep the runner from starting them again, for as long as the block lasts."""
        assert self._process is not None
        self.wait_ready()
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            for name in names:
                pid = self.pid(name)
                assert pid is not None
                # PostgreSQL's sessions would outlive their main process for a moment.
                for victim in (pid, *_children(pid)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)
        self.wait_ready()

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a component's main process without ending it: it takes connections and never answers."""
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
        self.wait_ready()

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until everything runs and readiness is green."""
        self.wait(self._is_ready, seconds, "it did not become ready again")

    def wait(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Wait for a condition; fail with the runner's log when it does not come true or the runner ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self._process is None or not alive(self._process) or time.monotonic() > deadline:
                raise AssertionError(f"{otherwise}:\n{tail(self.root / 'runner.log')}")
            time.sleep(0.05)

    def query(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Ask the product's own database."""
        with psycopg.connect(self.state.environment["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def wait_logged(self, seconds: float = 30.0) -> None:
        """Wait until a request made now is in the request log, hence all earlier ones of every process are."""
        marks = []
        for (caller,) in self.callers_by_worker(1).values():
            marks.append(f"mark-{uuid.uuid4().hex}")
            assert caller.get("/api/mark/", **{"X-Request-ID": marks[-1]}).status == 404
        found = "SELECT count(*) FROM analytics_apilog WHERE request_id = ANY(%s)"
        self.wait(lambda: self.query(found, (marks,)) == [(len(marks),)], seconds, "the shipper did not catch up")

    def _announced(self) -> bool:
        found = InstanceState.read(self.layout.state)
        return found is not None and found.phase == "ready"

    def _is_ready(self) -> bool:
        running = all(process.pid is not None for process in self.state.processes)
        if not running or len(self.web_workers()) != self.workers or not health.ask(self.address).ready:
            return False
        # Each server process has its own connections to find again.
        with contextlib.suppress(OSError, http.client.HTTPException, StopIteration, AssertionError):
            return all(caller.get(health.PATH).status == 200 for (caller,) in self.callers_by_worker(1).values())
        return False


def bare_environment() -> dict[str, str]:
    """A fresh shell's environment: nothing of the test suite's own settings, secrets and services."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0)` to `work(count - 1)` at the same moment, each in a thread; their results in order."""
    results: list[Any] = [None] * count
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def _inodes(port: int, state: str, remote: int | None = None) -> set[str]:
    """The server-side sockets of a port in a TCP state, as /proc names them."""
    found: set[str] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, other = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
        if local == port and fields[3] == state and remote in (None, other):
            found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(pid: int) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for descriptor in Path("/proc", str(pid), "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
