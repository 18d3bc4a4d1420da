"""A product module switched on in the running product, switched off, and misspelt; its parts: core/tests/test_registry.py."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local.layout import PROJECT
from config.local.process import free_port
from config.tests.live import UNLIMITED, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

MODULE, PATH = "config.tests.sample_module", "/api/v1/echoes/"


@pytest.fixture(scope="module")
def with_module() -> Iterator[LiveProduct]:
    """A second product beside the shared one, with the module switched on."""
    with LiveProduct({**UNLIMITED, "ATELIER_MODULES": MODULE}, workers=1) as product:
        yield product


def test_a_module_that_is_on_serves_keys_with_its_scope_and_nobody_else(with_module: LiveProduct) -> None:
    granted = with_module.key_caller(with_module.make_key(scopes=["echoes:read"])["key"])
    bare = with_module.key_caller(with_module.make_key(scopes=["account:read"])["key"])

    assert with_module.caller().get(PATH).status == 401
    refused = bare.get(PATH)
    assert (refused.status, refused.json["error"]["code"]) == (403, "insufficient_scope")
    assert "echoes:read" in refused.json["error"]["message"]
    answer = granted.get(PATH)
    assert answer.status == 200
    assert answer.headers["ratelimit-policy"].startswith('"default"')


def test_its_scope_is_listed_its_operation_documented_and_its_requests_logged_under_its_name(with_module: LiveProduct) -> None:
    request_id = "echo-in-the-log"
    assert with_module.key_caller().get(PATH, **{"X-Request-ID": request_id}).status == 200, "the demo key has every scope"
    scopes = {entry["scope"] for entry in with_module.admin().get("/api/v1/api-keys/scopes/").data}

    assert "echoes:read" in scopes
    assert PATH.encode() in with_module.caller().get("/api/schema/").raw
    with_module.wait_logged()
    found = with_module.query("SELECT endpoint, module FROM analytics_apilog WHERE request_id = %s", (request_id,))
    assert found == [(PATH, "echoes")]


def test_its_periodic_task_runs(with_module: LiveProduct) -> None:
    caller = with_module.key_caller()
    before = caller.get(PATH).data["calls"]

    with_module.wait(lambda: caller.get(PATH).data["calls"] > before, 20, "beat or the worker does not know the task")


def test_a_module_that_is_off_is_not_there(live: LiveProduct) -> None:
    admin = live.admin()

    assert admin.get(PATH).status == 404
    assert PATH.encode() not in live.caller().get("/api/schema/").raw
    assert "echoes:read" not in {entry["scope"] for entry in admin.get("/api/v1/api-keys/scopes/").data}
    refused = admin.post("/api/v1/api-keys/", {"name": "too early", "scopes": ["echoes:read"]})
    assert refused.status == 400
    assert refused.json["error"]["details"][0]["field"].startswith("scopes")


def test_an_unknown_module_stops_the_start_and_names_the_variable(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "config.local", "start"],
        cwd=PROJECT,
        env={**kept, "DATA_DIR": str(tmp_path), "PORT": str(free_port()), "ATELIER_MODULES": "planets"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 1
    assert "ATELIER_MODULES: unknown module 'planets'" in done.stderr
