"""The whole runner with real engines: ready, watched, refused twice, stopped cleanly, never orphaned."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.local.banner import read_env_file
from config.local.layout import PROJECT
from config.local.process import free_port
from config.local.state import InstanceState, ProcessState
from config.tests.local_standin import REFUSED, UNMIGRATED, processes_mentioning, wait_until

_SERVICES = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SPOOL_DIR", "HOST", "DJANGO_SETTINGS_MODULE")
Runner = subprocess.Popen[str]


@dataclass
class Instance:
    """One data directory and one port, and the runner's commands on them."""

    root: Path
    port: int = field(default_factory=free_port)
    runners: list[Runner] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _SERVICES}
        return inherited | {"DATA_DIR": str(self.root), "PORT": str(self.port)} | self.extra

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._argv(*arguments),
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def begin(self) -> Runner:
        """Start the runner and return at once."""
        runner = subprocess.Popen(
            self._argv("run"),
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.runners.append(runner)
        return runner

    def run(self) -> Runner:
        """Start the runner and return when it says that it is ready."""
        runner = self.begin()
        assert runner.stdout is not None
        said = ""
        for line in runner.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                return runner
        raise AssertionError(said)

    def states(self) -> dict[str, ProcessState]:
        state = InstanceState.read(self.root / "run" / "state.json")
        return {process.name: process for process in state.processes} if state else {}

    def _argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "config.tests.local_standin", *arguments]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path / "data")
    yield made
    made.command("stop")
    for runner in made.runners:
        runner.kill()
        runner.wait()
        if runner.stdout is not None:
            runner.stdout.close()
    wait_until(lambda: not processes_mentioning(made.root))


def test_it_restarts_what_dies_and_stops_cleanly(instance: Instance) -> None:
    runner = instance.run()
    before = instance.states()
    assert set(before) == {"postgres", "valkey", "web", "realtime", "worker", "shipper", "relay"}

    for name in ("postgres", "valkey", "worker"):
        pid = before[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(instance.states()[name].restarts == 1 for name in ("postgres", "valkey", "worker")))
    after = instance.states()
    assert after["postgres"].port == before["postgres"].port
    assert after["web"].pid == before["web"].pid

    status = instance.command("status")
    assert status.returncode == 0
    assert {line.split()[0] for line in status.stdout.splitlines()} == {"PROCESS", "runner", *before}

    runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=30) == 0
    assert not processes_mentioning(instance.root)
    assert not list(instance.root.glob("postgres/data/postmaster.pid"))
    assert instance.command("status").returncode == 1


def test_a_second_runner_is_refused_and_named(instance: Instance) -> None:
    runner = instance.run()

    second = instance.command("run")

    assert second.returncode == 1
    assert f"already runs on {instance.root} (pid {runner.pid})" in second.stderr
    assert "make stop" in second.stderr
    assert runner.poll() is None


def test_a_killed_runner_leaves_no_orphan_and_the_next_finds_the_data(instance: Instance) -> None:
    runner = instance.run()
    password = (instance.root / "postgres" / "password").read_text()
    assert len(processes_mentioning(instance.root)) >= 7

    runner.kill()
    runner.wait()

    wait_until(lambda: not processes_mentioning(instance.root), seconds=10)
    instance.run()
    assert (instance.root / "postgres" / "password").read_text() == password


def test_a_busy_port_is_named_before_anything_starts(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", instance.port)):
        refused = instance.command("run")

    assert refused.returncode == 1
    assert f"port {instance.port} is in use" in refused.stderr
    assert not (instance.root / "postgres").exists()


def test_background_start_attach_and_stop(instance: Instance) -> None:
    assert instance.command("attach", "--", "true").returncode == 1
    started = instance.command("start")
    assert started.returncode == 0, started.stderr
    assert "curl -s" in started.stdout
    state = InstanceState.read(instance.root / "run" / "state.json")
    assert state is not None
    assert read_env_file(instance.root / "demo.env")["ATELIER_URL"] == f"http://localhost:{instance.port}"

    show = "import json, os; print(json.dumps(dict(os.environ)))"
    attached = instance.command("attach", "--", "python", "-c", show)
    assert attached.returncode == 0, attached.stderr
    assert json.loads(attached.stdout)["DATABASE_URL"] == state.environment["DATABASE_URL"]

    again = instance.command("start")
    assert again.returncode == 0
    assert f"already runs on {instance.root} (pid {state.pid})" in again.stdout

    assert instance.command("stop").returncode == 0
    assert not processes_mentioning(instance.root)
    assert "does not run" in instance.command("stop").stdout


@pytest.mark.parametrize("name", ["prepare", "web"])
def test_a_start_that_cannot_succeed_says_why_and_leaves_nothing(instance: Instance, name: str) -> None:
    instance.extra["STANDIN_BROKEN"] = name

    failed = instance.command("start")

    assert failed.returncode == 1
    assert f"the reason why {name} fails" in failed.stderr
    assert not processes_mentioning(instance.root)


def test_ctrl_c_while_starting_stops_what_has_started(instance: Instance) -> None:
    runner = instance.begin()
    wait_until((instance.root / "postgres" / "data" / "postmaster.pid").exists)

    runner.send_signal(signal.SIGINT)

    assert runner.wait(timeout=30) == 0
    assert not processes_mentioning(instance.root)


def test_a_wrong_port_is_named(instance: Instance) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "config.local", "run"],
        cwd=PROJECT,
        env=instance.environment | {"PORT": "80a"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "PORT must be a number" in refused.stderr


def test_a_warm_start_prepares_only_what_has_changed(instance: Instance) -> None:
    def starts() -> int:
        """Start and stop; how often the database was prepared."""
        assert instance.command("start").returncode == 0
        assert instance.command("stop").returncode == 0
        return (instance.root / "logs" / "runner.log").read_text().count("preparing the database")

    assert [starts(), starts()] == [1, 0]
    for name in (UNMIGRATED, REFUSED):
        # The mark holds, and the product knows better.
        (instance.root / name).touch()
        assert [starts(), starts()] == [1, 0], name
    (instance.root / "demo.env").unlink()
    assert [starts(), starts()] == [1, 0]
    instance.extra["ATELIER_MODULES"] = ""
    assert [starts(), starts()] == [1, 0]
    shutil.rmtree(instance.root / "postgres")
    assert [starts(), starts()] == [1, 0]


def test_a_database_that_could_not_be_prepared_is_prepared_at_the_next_start(instance: Instance) -> None:
    assert instance.command("start").returncode == 0
    assert instance.command("stop").returncode == 0
    (instance.root / "demo.env").unlink()
    instance.extra["STANDIN_BROKEN"] = "prepare"
    assert instance.command("start").returncode == 1
    del instance.extra["STANDIN_BROKEN"]

    assert instance.command("start").returncode == 0
    assert (instance.root / "demo.env").exists()
