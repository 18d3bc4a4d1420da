"""The two scripts that go with the images: fresh secrets, and the containers' health checks."""

import base64
import fcntl
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest
from django.db import connection
from django.utils import timezone

from config.checks.deployment import ROOT
from config.checks.environment import documented
from core.ids import uuid7
from events.models import PendingEvent

GENERATE, HEALTH = ROOT / "docker" / "generate_env.py", ROOT / "docker" / "healthcheck.py"


def load(path: Path) -> ModuleType:
    """Import a script that lies outside every package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(path: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script as a deployment does."""
    command = [sys.executable, str(path), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def values(text: str) -> dict[str, str]:
    """Parse the assignments of an environment file."""
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_generated_values_are_complete_fresh_and_agree() -> None:
    first, second = (values(run(GENERATE, "--domain", "api.example.com").stdout) for _ in range(2))
    assert first.keys() == {name for name in documented(ROOT / "docker" / "production.env.example") if name in first}
    assert first["ALLOWED_HOSTS"] == "api.example.com"
    assert first["POSTGRES_PASSWORD"] in first["DATABASE_URL"]
    assert first["VALKEY_PASSWORD"] in first["REDIS_URL"]
    assert len(base64.urlsafe_b64decode(first["FIELD_ENCRYPTION_KEYS"])) == 32
    secrets = [name for name in first if first[name] != second[name]]
    assert {"SECRET_KEY", "JWT_SIGNING_KEYS", "API_KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"} <= set(secrets)
    assert not any("<" in value or "$" in value or " " in value for value in first.values())


def test_a_command_runs_under_throw_away_secrets_and_its_exit_code_counts() -> None:
    program = "import os, sys; print(os.environ['SECRET_KEY']); sys.exit(3)"
    done = run(GENERATE, "--run", "--", sys.executable, "-c", program)
    assert done.returncode == 3
    assert len(done.stdout.strip()) == 64


@pytest.mark.parametrize("domain", ["https://api.example.com", "a b", "$(id)", ""])
def test_only_a_host_name_is_taken_for_one(domain: str) -> None:
    assert run(GENERATE, "--domain", domain).returncode == 2


class Readiness(BaseHTTPRequestHandler):
    """Says what it was asked, and is as healthy as `status`."""

    status = 200
    asked: tuple[str, str, str] = ("", "", "")

    def do_GET(self) -> None:
        """Answer with the wanted status."""
        Readiness.asked = (self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"])
        self.send_response(Readiness.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing: the test's output is for the test."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve readiness where the health check looks for it."""
    server = HTTPServer(("127.0.0.1", 0), Readiness)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PORT", str(server.server_port))
    monkeypatch.setenv("ALLOWED_HOSTS", ".example.com,other.example.org")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("web")
def test_realtime_is_healthy_while_its_loop_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    health = load(HEALTH)
    monkeypatch.setenv("REALTIME_PORT", os.environ["PORT"])
    Readiness.status = 200
    assert health.main(["realtime"]) == 0
    assert Readiness.asked[0] == "/health/live"
    Readiness.status = 503
    assert health.main(["realtime"]) == 1
    monkeypatch.setenv("REALTIME_PORT", "1")
    assert health.main(["realtime"]) == 1


@pytest.mark.django_db(transaction=True)
def test_relay_is_healthy_while_no_event_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    health = load(HEALTH)
    where = connection.get_connection_params()
    address = f"postgres://{where['user']}:{where['password']}@{where['host']}:{where['port']}/{where['dbname']}"
    monkeypatch.setenv("DATABASE_URL", address)
    assert health.main(["relay"]) == 0
    waiting = PendingEvent.objects.create(event_id=uuid7(), stream="user:1", seq=1, created_at=timezone.now())
    assert health.main(["relay"]) == 0
    waiting.created_at -= timedelta(seconds=health.RELAY_DELAY_SECONDS + 1)
    waiting.save()
    assert health.main(["relay"]) == 1
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    assert health.main(["relay"]) == 1


@pytest.mark.usefixtures("web")
def test_web_is_healthy_when_it_says_so_to_an_allowed_host_over_tls() -> None:
    health = load(HEALTH)
    Readiness.status = 200
    assert health.main(["web"]) == 0
    assert Readiness.asked == ("/health/ready?components=database,migrations", "example.com", "https")
    Readiness.status = 503
    assert health.main(["web"]) == 1


def test_web_is_unhealthy_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    assert load(HEALTH).main(["web"]) == 1


def test_beat_is_healthy_while_it_writes(tmp_path: Path) -> None:
    health, schedule = load(HEALTH), tmp_path / "schedule"
    assert health.main(["beat", str(schedule)]) == 1
    written = tmp_path / "schedule.dat"
    written.touch()
    assert health.main(["beat", str(schedule)]) == 0
    long_ago = time.time() - health.BEAT_SILENCE_SECONDS - 1
    os.utime(written, (long_ago, long_ago))
    assert health.main(["beat", str(schedule)]) == 1


def test_shipper_is_healthy_while_somebody_holds_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    health, lock = load(HEALTH), tmp_path / ".shipper.lock"
    monkeypatch.setenv("SPOOL_DIR", str(tmp_path))
    assert health.main(["shipper"]) == 1
    lock.touch()
    assert health.main(["shipper"]) == 1
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert health.main(["shipper"]) == 0


def test_worker_is_unhealthy_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert load(HEALTH).main(["worker"]) == 1
