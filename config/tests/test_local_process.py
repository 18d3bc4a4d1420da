"""Children: they die with their parent, in whatever way it dies, and are stopped with grace or without."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from config.local.layout import PROJECT
from config.local.process import ChildSpec, alive, free_port, port_is_free, spawn, stop
from config.local.supervisor import Supervisor
from config.tests.local_standin import processes_mentioning, wait_until

_PARENT = """
import pathlib, subprocess, sys, time
from config.local.process import ChildSpec, spawn
mark, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1], "log")
inner = "from config.local.process import die_with_parent as d; import time; d()"
inner += "; print(1, flush=True); time.sleep(600)"
middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, sys.argv[1]])"
spawn(ChildSpec("child", (sys.executable, "-c", middle, str(mark)), {}, pathlib.Path.cwd(), log))
time.sleep(600)
"""


def _spec(tmp_path: Path, program: str, *, grace: float = 5.0) -> ChildSpec:
    argv = (sys.executable, "-c", program, str(tmp_path))
    return ChildSpec("child", argv, dict(os.environ), PROJECT, tmp_path / "log", grace_seconds=grace)


def test_children_and_grandchildren_die_with_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], cwd=PROJECT)
    wait_until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() == "1\n")
    assert len(processes_mentioning(tmp_path)) == 3

    parent.kill()
    parent.wait()

    wait_until(lambda: not processes_mentioning(tmp_path), seconds=5)


def test_a_child_that_asks_too_late_ends_at_once(tmp_path: Path) -> None:
    # The parent is gone before the child asks, as when it is killed while the child still imports.
    late = "import time; time.sleep(0.3); from config.local.process import die_with_parent as d; d();"
    late += "time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {late!r}, sys.argv[1]])"
    command = [sys.executable, "-c", parent, str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, start_new_session=True)
    assert processes_mentioning(tmp_path)

    wait_until(lambda: not processes_mentioning(tmp_path), seconds=5)


def test_a_child_has_its_own_session_and_a_private_log(tmp_path: Path) -> None:
    spec = _spec(tmp_path, "import time; print('hello', flush=True); time.sleep(600)")
    child = spawn(spec)
    try:
        wait_until(lambda: (tmp_path / "log").read_text() == "hello\n")
        assert os.getsid(child.pid) == child.pid
        assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    finally:
        stop([(spec, child)])
    assert child.returncode == -signal.SIGTERM


def test_spawning_from_another_thread_is_refused(tmp_path: Path) -> None:
    refused: list[RuntimeError] = []

    def attempt() -> None:
        try:
            spawn(_spec(tmp_path, "pass"))
        except RuntimeError as error:
            refused.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()

    assert "main thread" in str(refused[0])


def test_a_child_that_ignores_the_request_is_killed_with_its_descendants(tmp_path: Path) -> None:
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]]);"
        "print(1, flush=True); time.sleep(600)"
    )
    spec = _spec(tmp_path, deaf, grace=0.1)
    child = spawn(spec)
    wait_until(lambda: (tmp_path / "log").read_text() == "1\n")

    stop([(spec, child)])

    assert child.returncode == -signal.SIGKILL
    wait_until(lambda: not processes_mentioning(tmp_path), seconds=5)


def test_what_dies_is_started_again_later_and_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("config.local.supervisor.time.monotonic", lambda: now)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    supervisor.start(_spec(tmp_path, "raise SystemExit(3)"))

    pauses = []
    for _ in range(7):
        child = supervisor.children[0]
        wait_until(lambda: not alive(supervisor.children[0].process))
        supervisor.tick()
        assert child.due is not None
        pauses.append(round(child.due - now, 1))
        assert child.state().state == "restarting"
        now = child.due
        supervisor.tick()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert said[0] == "child died (exit code 3); again in 0.2 s"
    assert supervisor.restarts("child") == 7

    # Ten seconds of life are forgiven.
    wait_until(lambda: not alive(supervisor.children[0].process))
    now += 10
    supervisor.tick()
    assert supervisor.children[0].due == pytest.approx(now + 0.2)
    supervisor.stop(["child"])
    assert supervisor.states() == []


def test_a_port_in_use_is_seen() -> None:
    port = free_port()
    assert port_is_free(port)
    with socket.create_server(("127.0.0.1", port), reuse_port=True):
        assert not port_is_free(port)
