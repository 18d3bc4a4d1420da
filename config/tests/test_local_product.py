"""The real product under the runner: ready, the printed key works, and a kill leaves none of its processes.

Granian's workers, Celery's pool and the beat inside it are grandchildren: they hold on to their parents in
`config.wsgi` and `config.celery`, which is what this proves.
"""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local.banner import read_env_file
from config.local.layout import PROJECT
from config.local.process import free_port
from config.local.state import InstanceState
from config.tests.local_standin import processes_mentioning, wait_until

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A fresh shell's environment: nothing of the test suite's own settings and services."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    yield kept | {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), "WEB_THREADS": "2"}
    # After a failure: whatever still carries the test's own directory was started by it.
    for left in processes_mentioning(tmp_path):
        os.kill(left, signal.SIGKILL)


def _local(environment: dict[str, str], command: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "config.local", command]
    return subprocess.run(argv, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def _me(environment: dict[str, str]) -> int:
    demo = read_env_file(Path(environment["DATA_DIR"], "demo.env"))
    connection = http.client.HTTPConnection("localhost", int(environment["PORT"]), timeout=10)
    connection.request("GET", "/api/v1/auth/me/", headers={"Authorization": f"ApiKey {demo['ATELIER_API_KEY']}"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.processes
def test_the_product_starts_serves_and_leaves_nothing_however_it_ends(environment: dict[str, str], tmp_path: Path) -> None:
    started = _local(environment, "start")
    assert started.returncode == 0, started.stderr
    assert _me(environment) == http.client.OK

    state = InstanceState.read(tmp_path / "data" / "run" / "state.json")
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    wait_until(lambda: not processes_mentioning(tmp_path), seconds=10)

    again = _local(environment, "start")
    assert again.returncode == 0, again.stderr
    assert _me(environment) == http.client.OK
    assert _local(environment, "stop").returncode == 0
    assert not processes_mentioning(tmp_path)
