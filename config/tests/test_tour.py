"""`make tour`: the main job end to end against the running product, and what it says when a step fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api import tour_kit
from api.tour import Tour
from api.tour_kit import TourFailed
from config.local.layout import PROJECT
from config.tests.live import LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]


def run(live: LiveProduct, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py tour` in the environment that `config.local attach` gives it."""
    environment = {"PATH": os.environ["PATH"], **live.state.environment, **variables}
    return subprocess.run(
        [sys.executable, "manage.py", "tour", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def accounts_of_tours(live: LiveProduct) -> list[str]:
    found = live.admin().get("/api/v1/users/?search=tour-").data
    return [account["username"] for account in found]


def test_the_tour_walks_the_main_job_and_leaves_nothing(live: LiveProduct) -> None:
    done = run(live)

    assert done.returncode == 0, done.stderr
    steps = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [int(line.split()[0]) for line in steps] == list(range(1, 30))
    assert "GET /api/v1/auth/me/ 200" in steps[6]
    assert "3 messages, each once" in steps[17]
    assert "1 unread before, none after" in steps[19]
    assert "queued, sent, delivered, read" in steps[24]
    assert "The API key was revoked." in steps[27]
    assert done.stdout.splitlines()[-1] == "Everything is as promised."
    assert accounts_of_tours(live) == []


def test_the_tour_takes_its_credentials_from_a_named_file(live: LiveProduct, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.env"
    file.write_text(live.layout.demo_env.read_text())

    assert run(live, "--env-file", str(file), DATA_DIR=str(tmp_path)).returncode == 0


def test_without_credentials_the_tour_names_the_variables(live: LiveProduct, tmp_path: Path) -> None:
    done = run(live, DATA_DIR=str(tmp_path))

    assert done.returncode == 1
    for name in ("ATELIER_URL", "ATELIER_ADMIN_USERNAME", "ATELIER_ADMIN_PASSWORD"):
        assert name in done.stderr


def test_a_refused_administrator_ends_the_tour_at_its_first_step(live: LiveProduct) -> None:
    done = run(live, ATELIER_ADMIN_PASSWORD="not the password")

    assert done.returncode == 1
    assert "step 1" in done.stderr
    assert "invalid_credentials" in done.stderr
    assert "Everything" not in done.stdout


def test_without_a_server_the_tour_says_how_to_start_one(live: LiveProduct) -> None:
    done = run(live, ATELIER_URL="http://127.0.0.1:9")

    assert done.returncode == 1
    assert "make run" in done.stderr


def test_a_call_that_is_not_logged_fails_the_tour_which_still_cleans_up(
    live: LiveProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_kit, "PATIENCE_SECONDS", 1.0)
    demo, told = live.demo, list[str]()
    walk = Tour(live.url, demo["ATELIER_ADMIN_USERNAME"], demo["ATELIER_ADMIN_PASSWORD"], told.append)

    with live.frozen("shipper"), pytest.raises(TourFailed, match=r"step 7.*request log.*does the shipper run"):
        walk.walk()

    assert "Everything is as promised." not in told
    assert accounts_of_tours(live) == []


def test_a_person_who_is_no_administrator_cannot_walk(live: LiveProduct) -> None:
    _, username, password = live.make_person()

    with pytest.raises(TourFailed, match="no administrator"):
        Tour(live.url, username, password, lambda line: None).walk()
