"""What a killed runner left is cleared away by the next one: descendants of the dead, long logs."""

import os
import subprocess
import sys
from pathlib import Path

from config.local.layout import PROJECT, Layout
from config.local.leftovers import await_leftovers, rotate_logs
from config.local.state import InstanceState, ProcessState, birth_mark
from config.tests.local_standin import processes_mentioning, wait_until

_LEADER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
print(1, flush=True)
"""


def _layout(tmp_path: Path, *processes: ProcessState) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.make()
    InstanceState(pid=1, phase="ready", url="", processes=list(processes)).write(layout.state)
    return layout


def test_descendants_of_a_dead_process_are_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _LEADER, str(tmp_path)]
    leader = subprocess.Popen(argv, cwd=PROJECT, start_new_session=True, stdout=subprocess.DEVNULL)
    born = birth_mark(leader.pid)
    leader.wait()
    assert processes_mentioning(tmp_path)

    await_leftovers(_layout(tmp_path, ProcessState("worker", leader.pid, "running", 0.0, 0, born=born)))

    wait_until(lambda: not processes_mentioning(tmp_path), seconds=5)


def test_a_stranger_with_the_same_process_id_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        await_leftovers(_layout(tmp_path, ProcessState("worker", stranger.pid, "running", 0.0, 0, born="1")), patience=0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    stubborn = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    state = ProcessState("web", stubborn.pid, "running", 0.0, 0, born=birth_mark(stubborn.pid))

    await_leftovers(_layout(tmp_path, state), patience=0.1)

    assert stubborn.wait(timeout=5) != 0


def test_long_logs_are_put_aside(tmp_path: Path) -> None:
    layout = _layout(tmp_path)
    layout.log("web").write_text("short")
    with layout.log("worker").open("wb") as log:
        os.truncate(log.fileno(), 11 * 1024 * 1024)

    rotate_logs(layout)

    assert sorted(path.name for path in layout.logs.iterdir()) == ["web.log", "worker.log.1"]
