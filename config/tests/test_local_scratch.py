"""Throw-away services: a command finds them in its environment, and nothing of them stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.local import pytest_plugin, scratch
from config.local.layout import PROJECT
from config.local.scratch import ScratchServices
from config.tests.local_standin import processes_mentioning, wait_until

_SHOW = """
import json, os, pathlib, psycopg, redis, sys
shown = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SPOOL_DIR")}
psycopg.connect(os.environ["DATABASE_URL"]).close()
redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print(json.dumps(shown), flush=True)
sys.exit(7)
"""
_SERVICES = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SPOOL_DIR")


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """An environment without services, and with its own place for temporary files."""
    tmp_path.chmod(0o711)
    return {name: value for name, value in os.environ.items() if name not in _SERVICES} | {"TMPDIR": str(tmp_path)}


def _exec(program: str) -> list[str]:
    return [sys.executable, "-m", "config.local", "exec", "--", "python", "-c", program]


def test_exec_gives_a_command_services_and_passes_its_exit_code_on(clean: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(_exec(_SHOW), cwd=PROJECT, env=clean, capture_output=True, text=True, check=False)

    assert done.returncode == 7, done.stderr
    shown = json.loads(done.stdout)
    assert shown["DATABASE_URL"].startswith("postgres://atelier:")
    assert Path(shown["DATA_DIR"]).is_relative_to(tmp_path)
    assert Path(shown["SPOOL_DIR"]).is_relative_to(tmp_path)
    assert not processes_mentioning(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_exec_leaves_no_process_and_the_next_one_clears_its_files(clean: dict[str, str], tmp_path: Path) -> None:
    command = _exec("import time; print(1, flush=True); time.sleep(600)")
    runner = subprocess.Popen(command, cwd=PROJECT, env=clean, stdout=subprocess.PIPE)
    assert runner.stdout is not None
    with runner.stdout:
        assert runner.stdout.readline() == b"1\n"

    runner.send_signal(signal.SIGKILL)
    runner.wait()

    wait_until(lambda: not processes_mentioning(tmp_path), seconds=10)
    assert list(tmp_path.iterdir()) != []
    sweeping = "from config.local.scratch import sweep; sweep()"
    subprocess.run([sys.executable, "-c", sweeping], cwd=PROJECT, env=clean, check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_use_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    being_made = tmp_path / "atelier-scratch-young"
    being_made.mkdir()

    with ScratchServices() as services:
        scratch.sweep()
        assert services.root.exists()

    assert not services.root.exists()
    assert being_made.exists()


def test_addresses_in_the_environment_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")

    with ScratchServices() as services:
        assert services.environment()["DATABASE_URL"] == "postgres://elsewhere/x"
        assert services.environment()["REDIS_URL"] == "redis://elsewhere/0"
        assert not (services.root / "postgres").exists()


def test_a_parallel_worker_gets_its_own_redis_database_and_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATA_DIR", "SPOOL_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:6379/0")

    pytest_plugin.separate("gw3")

    assert os.environ["REDIS_URL"] == "redis://:secret@127.0.0.1:6379/4"
    assert Path(os.environ["SPOOL_DIR"]) == tmp_path / "SPOOL_DIR" / "gw3"
    assert Path(os.environ["DATA_DIR"]).is_dir()


def test_the_suite_itself_runs_outside_the_project(request: pytest.FixtureRequest) -> None:
    if not request.config.pluginmanager.hasplugin("config.local.pytest_plugin"):
        pytest.skip("run without the plugin")
    for variable in ("DATA_DIR", "SPOOL_DIR"):
        assert not Path(os.environ[variable]).is_relative_to(PROJECT)
