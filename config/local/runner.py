"""`run`: everything of Atelier on this machine, in the foreground, from start to orderly end.

Owns the order: lock, engines, database preparation, product processes, readiness, watching, stopping. The
data stays when it ends.
"""

import os
import shutil
import signal
import sys
import time
from types import FrameType

from config.local import components, health
from config.local.banner import banner, read_env_file
from config.local.engines import external_url, find_postgres, find_valkey
from config.local.errors import LocalError, tail
from config.local.files import FileLock, private_dir
from config.local.launch import Server, launch
from config.local.layout import Layout, WebAddress
from config.local.leftovers import await_leftovers, rotate_logs
from config.local.postgres import Postgres
from config.local.prepared import Prepared
from config.local.process import alive, port_is_free, spawn, stop
from config.local.state import InstanceState
from config.local.supervisor import Supervisor
from config.local.valkey import Valkey

READY_SECONDS = 90.0
_POLL_SECONDS = 0.05
# A product process that dies this often before the first ready answer will not come up.
HOPELESS_RESTARTS = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A signal sent to a whole process group can arrive twice at once; a person's second Ctrl-C comes later.
_SECOND_THOUGHT_SECONDS = 0.5


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM arrived while the instance was still starting."""


class Runner:
    """One instance over one data directory."""

    def __init__(self, layout: Layout, address: WebAddress) -> None:
        self.layout = layout
        self.address = address
        self.supervisor = Supervisor(say)
        self.state = InstanceState(pid=os.getpid(), phase="starting", url=address.url)
        self._starting = True
        self._asked_at: float | None = None
        self._impatient = False

    def run(self) -> int:
        """Start everything, watch until asked to stop, stop everything; return the exit code."""
        self.layout.make()
        lock = FileLock(self.layout.lock)
        take_lock(lock, self.layout)
        for signum in _SIGNALS:
            signal.signal(signum, self._on_signal)
        try:
            self._start()
            self._starting = False
            sys.stdout.write(banner(self.address.url, self.layout.demo_env, socket=self.address.socket_url) + "\n")
            say("Ctrl-C stops everything; the data stays.")
            self._watch()
        except StopRequested:
            pass
        finally:
            self._starting = False
            self._stop()
            lock.release()
        return 0

    def _start(self) -> None:
        await_leftovers(self.layout)
        for variable, port in (("PORT", self.address.port), ("REALTIME_PORT", self.address.realtime_port)):
            if not port_is_free(port, self.address.host):
                raise LocalError(
                    f"port {port} is in use on {self.address.host}. "
                    f"Stop what listens there, or choose another: make run {variable}={port + 2}"
                )
        rotate_logs(self.layout)
        shutil.rmtree(self.layout.metrics, ignore_errors=True)
        private_dir(self.layout.metrics)
        database_url, redis_url = self._start_engines()
        self.state.environment = components.services_environment(self.layout, self.address, database_url, redis_url)
        environment = components.process_environment(self.layout, self.state.environment)
        prepared = Prepared(self.layout, environment)
        skipped = prepared.holds()
        if not skipped:
            self._prepare_database(prepared)
        ports = {"web": self.address.port, "realtime": self.address.realtime_port}
        specs = components.application(self.layout, self.address, environment)
        first = [spec for spec in specs if spec.name not in components.FOLLOWERS]
        for spec in first:
            self.supervisor.start(spec, port=ports.get(spec.name))
        self._publish("starting")
        self._await_ready(prepared if skipped else None)
        for spec in specs:
            if spec not in first:
                self.supervisor.start(spec)
        self._publish("ready")

    def _start_engines(self) -> tuple[str, str]:
        """Start the engines no address was given for; return both addresses."""
        database_url, redis_url = external_url("DATABASE_URL"), external_url("REDIS_URL")
        layout, servers = self.layout, list[Server]()
        if not redis_url:
            servers.append(Valkey(find_valkey(), layout.root / "valkey", layout.log("valkey")))
        if not database_url:
            servers.append(Postgres(find_postgres(), layout.root / "postgres", layout.log("postgres")))
        names = " and ".join(server.name for server in servers)
        say(f"starting {names}" if names else "using the servers of DATABASE_URL and REDIS_URL")
        for server, (spec, process) in zip(servers, launch(servers), strict=True):
            self.supervisor.adopt(spec, process, port=server.port)
        self._publish("starting")
        urls = {server.name: server.url for server in servers}
        return database_url or urls["postgres"], redis_url or urls["valkey"]

    def _prepare_database(self, prepared: Prepared) -> None:
        say("preparing the database")
        prepared.forget()
        spec = components.prepare(self.layout, prepared.environment)
        process = spawn(spec)
        try:
            while alive(process):
                self._tick()
                time.sleep(0.02)
        finally:
            stop([(spec, process)])
        if process.returncode != 0:
            raise LocalError(f"the database could not be prepared (exit code {process.returncode}):\n{tail(spec.log)}")
        prepared.keep()

    def _await_ready(self, skipped: Prepared | None) -> None:
        """Wait until all answer; prepare the database after all where the product says that it is not as it was."""
        say(f"starting {', '.join(components.APPLICATION)}")
        deadline = time.monotonic() + READY_SECONDS
        while (
            not (answer := health.ask(self.address)).ready
            or not self.supervisor.all_running()
            or not health.listens(self.address)
        ):
            self._tick()
            if skipped and "prepare" in answer.suspects and "postgres" not in answer.suspects:
                self._prepare_database(skipped)
                skipped = None
            for name in components.APPLICATION:
                if self.supervisor.restarts(name) >= HOPELESS_RESTARTS:
                    raise LocalError(f"{name} keeps dying:\n{tail(self.layout.log(name))}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"{name}:\n{tail(self.layout.log(name))}" for name in answer.suspects)
                raise LocalError(f"{self.address.url}{health.PATH} was not ready in {READY_SECONDS:.0f} s.\n{logs}")
            time.sleep(_POLL_SECONDS)
        api_key = read_env_file(self.layout.demo_env).get("ATELIER_API_KEY")
        if skipped and api_key and not health.accepts(self.address, api_key):
            # The data were emptied, or the key was revoked: the banner must not show one that does not work.
            self._prepare_database(skipped)

    def _watch(self) -> None:
        while self._asked_at is None:
            self._tick()
            time.sleep(0.1)

    def _tick(self) -> None:
        if self.supervisor.tick():
            self._publish(self.state.phase)

    def _stop(self) -> None:
        say("stopping")
        self._publish("stopping")
        # The product first, while its engines still answer; PostgreSQL last.
        for names in (components.APPLICATION, ("valkey",), ("postgres",)):
            self.supervisor.stop(names, patience=lambda: not self._impatient)
        self.layout.state.unlink(missing_ok=True)
        say("stopped")

    def _publish(self, phase: str) -> None:
        self.state.phase = phase
        self.state.processes = self.supervisor.states()
        self.state.write(self.layout.state)

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > _SECOND_THOUGHT_SECONDS:
            self._impatient = True
        if self._starting:
            self._starting = False
            raise StopRequested


def take_lock(lock: FileLock, layout: Layout) -> None:
    """Take the lock of the data directory; raises LocalError when another runner has it."""
    if not lock.acquire():
        raise LocalError(
            f"Atelier already runs on {layout.root} (pid {lock.holder()}).\n"
            "Stop it with `make stop`, or set DATA_DIR and PORT to run a second one beside it."
        )


def say(text: str) -> None:
    """Tell the person at the terminal, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()
