"""The check of the locked requirements passes on our own, and fails after each edit without `make lock`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from config.checks.report import run_checks
from config.checks.requirements import ROOT, requirement_checks


def found(folder: Path) -> str:
    """Return every problem of every check."""
    return "\n".join(problem for check in requirement_checks(folder).values() for problem in check())


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """Copy the lists and locks, free to be edited."""
    return shutil.copytree(ROOT / "requirements", tmp_path / "requirements")


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a file, and make sure that it changed."""
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")


def test_own_requirements_are_in_step() -> None:
    assert found(ROOT / "requirements") == ""


def test_a_line_added_without_locking_fails(requirements: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(requirements / "base.in", lambda text: text + "left-pad>=1  # pads on the left\n")
    problems = found(requirements)
    for lock in ("base", "production", "staging", "test", "development"):
        assert "left-pad (base.in) is not locked" in problems, lock
    assert run_checks(requirement_checks(requirements)) == 1
    assert capsys.readouterr().out.count("left-pad (base.in) is not locked") == 5


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("base.in", "orjson>=3.10", "orjson>=99", "does not satisfy orjson>=99"),
        ("base.in", "orjson>=3.10", "# orjson>=3.10", "orjson is locked for requirements/base.in"),
        (
            "base.in",
            "# views, serializers, content negotiation",
            "",
            "no reason after 'djangorestframework>=3.16'",
        ),
        ("base.in", "orjson>=3.10 ", "orjson>>3.10 ", "base.in:"),
        ("test.in", "pytest>=8.3", "pytest-bdd>=1.0", "pytest-bdd (test.in) is not locked"),
        (
            "production.in",
            "sentry-sdk>=2.20",
            "orjson>=3  # twice\nsentry-sdk>=2.20",
            "not because of production.in",
        ),
        ("base.in", "httpx>=0.28", "httpx[socks]>=0.28", "httpx[socks] (base.in) needs socksio"),
        ("base.txt", "# via kombu", "# via no-such-package", "is there for no-such-package, which is not"),
        ("staging.txt", "amqp==5.", "amqp==4.", "amqp: "),
        (
            "base.txt",
            "# This file",
            "--index-url https://packages.example.com\n# This file",
            "unexpected line",
        ),
    ],
)
def test_an_edit_without_locking_fails(requirements: Path, file: str, old: str, new: str, expected: str) -> None:
    edit(requirements / file, lambda text: text.replace(old, new))
    assert expected in found(requirements)


def test_a_pin_without_hash_fails(requirements: Path) -> None:
    edit(requirements / "base.txt", lambda text: text + "loose==1.0\n    # via -r requirements/base.in\n")
    assert "loose has no hash" in found(requirements)


def test_a_pin_nothing_needs_fails(requirements: Path) -> None:
    pin = "{}==1.0 \\\n    --hash=sha256:{}\n    # via {}\n"
    block = pin.format("alpha", "0" * 64, "beta") + pin.format("beta", "1" * 64, "alpha")
    edit(requirements / "base.txt", lambda text: text + block)
    problems = found(requirements)
    assert "alpha is needed by nothing" in problems
    assert "beta is needed by nothing" in problems


def test_a_list_without_a_lock_fails(requirements: Path) -> None:
    (requirements / "load.in").write_text("locust  # load tests\n", encoding="utf-8")
    assert "load.in has no load.txt" in found(requirements)
