"""A private PostgreSQL: made whole or not at all, closed to others, alive again after any kill."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.local.account import unprivileged_account
from config.local.engines import find_postgres
from config.local.errors import LocalError
from config.local.files import entry_dir
from config.local.launch import launch
from config.local.postgres import Postgres
from config.local.process import Process, free_port, port_is_free, stop
from config.tests.local_standin import wait_until


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the user PostgreSQL runs as can reach; pytest's own are closed to others."""
    base = tmp_path_factory.getbasetemp()
    if os.geteuid() == 0:
        for folder in (base, base.parent):
            if folder.stat().st_mode & 0o001 == 0:
                folder.chmod(0o711)
    return entry_dir(tmp_path_factory.mktemp("postgres")) / "home"


def _postgres(home: Path) -> Postgres:
    return Postgres(find_postgres(), home, home.parent / "postgres.log", durable=False)


@contextmanager
def _running(server: Postgres) -> Iterator[Process]:
    ((spec, process),) = launch([server])
    try:
        yield process
    finally:
        stop([(spec, process)])


def _connect(server: Postgres, **changes: str) -> psycopg.Connection:
    return psycopg.connect(server.url, autocommit=True, **changes)  # type: ignore[arg-type]


def test_it_is_utf8_closed_to_others_and_keeps_data_and_port_over_a_kill(home: Path) -> None:
    server = _postgres(home)
    with _running(server) as process:
        port = server.port
        with _connect(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'grüße' AS word")
            row = connection.execute("SELECT upper(word), current_setting('server_encoding') FROM kept").fetchone()
            assert row == ("GRÜßE", "UTF8")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            _connect(server, password="wrong")
        # A checkpoint, because the test's server does without fsync; then the worst end there is.
        with _connect(server) as connection:
            connection.execute("CHECKPOINT")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (server.data / "postmaster.pid").exists()

    again = _postgres(home)
    with _running(again), _connect(again) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("grüße",)
        assert again.port == port


def test_a_pid_file_that_names_a_stranger_does_not_hinder(home: Path) -> None:
    server = _postgres(home)
    server.prepare()
    # This test's own process lives and is no PostgreSQL: PostgreSQL alone would refuse as the same user.
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n1\n{server.port}\n\n127.0.0.1\n  1 2\nready\n")

    with _running(server), _connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_still_running_over_the_data_is_named(home: Path) -> None:
    server = _postgres(home)
    with _running(server) as process, pytest.raises(LocalError, match=f"pid {process.pid}"):
        _postgres(home).clear_stale_pid_file(patience=0.1)


def test_a_half_made_data_directory_is_made_anew(home: Path) -> None:
    entry_dir(home)
    (home / "fresh").mkdir()
    (home / "fresh" / "PG_VERSION").write_text("18\n")

    server = _postgres(home)
    server.prepare()

    assert (server.data / "global").is_dir()
    assert sorted(path.name for path in home.iterdir()) == ["data", "password", "port"]


def test_data_of_another_major_version_is_refused_with_a_way_out(home: Path) -> None:
    data = entry_dir(home) / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")

    with pytest.raises(LocalError, match="was made by PostgreSQL 15") as refused:
        _postgres(home).prepare()

    assert "pg_dump" in str(refused.value)
    assert f"rm -r {home}" in str(refused.value)
    assert (data / "PG_VERSION").exists()


def test_a_port_taken_in_between_is_exchanged_for_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _postgres(home)
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr("config.local.postgres.free_port", lambda: taken)
        with _running(server), _connect(server):
            assert server.port != taken


def test_it_never_runs_as_root(home: Path) -> None:
    server = _postgres(home)
    with _running(server) as process:
        owner = Path(f"/proc/{process.pid}").stat().st_uid
        assert owner == server.data.stat().st_uid
        assert owner != 0 or server.account.prefix
        wait_until(lambda: not port_is_free(server.port))


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs PostgreSQL as himself")
def test_root_in_a_closed_directory_uses_a_user_namespace_or_says_why_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_dir(home).chmod(0o700)
    monkeypatch.setattr("config.local.account._namespaces_work", lambda: True)
    assert unprivileged_account([home / "inside"]).prefix[0] == "unshare"
    monkeypatch.setattr("config.local.account._namespaces_work", lambda: False)
    with pytest.raises(LocalError, match=r"nobody cannot reach (.|\n)*ordinary user"):
        unprivileged_account([home / "inside"])


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs PostgreSQL as himself")
def test_it_runs_in_a_directory_closed_to_everybody_but_root(home: Path) -> None:
    home.parent.chmod(0o700)
    server = _postgres(home)
    if not server.account.prefix:
        pytest.skip("no user namespaces here")
    with _running(server), _connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
