"""One private PostgreSQL server over a directory.

Owns making its data directory, the command that runs it, and knowing when it answers. It listens on
127.0.0.1 only, asks for a random password (scram-sha-256), and has no unix socket. The roles and tables
inside belong to the product.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from config.local.account import unprivileged_account
from config.local.engines import PostgresBinaries
from config.local.errors import LocalError
from config.local.files import entry_dir, read_or_none, remembered_port, remembered_secret, write_private
from config.local.process import ChildSpec, free_port, port_is_free

ROLE = "atelier"
DATABASE = "atelier"

# The builtin provider sorts the same on every operating system; it exists since PostgreSQL 17.
# https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS
_BUILTIN_LOCALE_SINCE = 17

# Line numbers (from 0) in postmaster.pid; pg_ctl reads the same file to learn that the server is ready.
_PID_LINE, _STATUS_LINE = 0, 7

_THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
}


class Postgres:
    """A PostgreSQL server over `home`; `durable=False` gives up safety for speed (tests)."""

    name = "postgres"
    taken_port_message = b"could not create any TCP/IP sockets"

    def __init__(self, binaries: PostgresBinaries, home: Path, log: Path, *, durable: bool = True) -> None:
        self.binaries = binaries
        self.home = home.absolute()
        self.log = log.absolute()
        self.durable = durable
        self.data = self.home / "data"
        self.account = unprivileged_account([self.data, binaries.bin_dir / "postgres"])
        self.port = 0
        self.password = ""

    @property
    def url(self) -> str:
        """The address for DATABASE_URL."""
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the data directory at the first call, check it at every other, and choose a port."""
        entry_dir(self.home)
        self.password = remembered_secret(self.home / "password")
        if (self.data / "PG_VERSION").exists():
            self._check_owner()
            self._check_version()
            self.account.own(self.data)
            self.clear_stale_pid_file()
        else:
            self._initialise()
        kept = remembered_port(self.home / "port")
        self.use_port(kept if kept and port_is_free(kept) else free_port())

    def use_port(self, port: int) -> None:
        """Listen on this port from the next start on."""
        self.port = port
        write_private(self.home / "port", f"{port}\n")

    def spec(self) -> ChildSpec:
        """Return the command that runs the server in the foreground."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | ({} if self.durable else _THROW_AWAY)
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        # Fast shutdown ends the sessions and writes a checkpoint; immediate shutdown has nothing to save.
        # https://www.postgresql.org/docs/current/server-shutdown.html
        ending = signal.SIGINT if self.durable else signal.SIGQUIT
        return ChildSpec(
            name=self.name,
            argv=(str(self.binaries.bin_dir / "postgres"), "-D", str(self.data), *options),
            env=_environment(),
            cwd=Path("/"),
            log=self.log,
            account=self.account,
            death_signal=ending,
            stop_signal=ending,
            grace_seconds=30.0,
        )

    def ready(self, pid: int, /) -> bool:
        """Say whether the server with this process id accepts connections."""
        lines = (read_or_none(self.data / "postmaster.pid") or "").splitlines()
        return len(lines) > _STATUS_LINE and lines[_PID_LINE] == str(pid) and lines[_STATUS_LINE].strip() == "ready"

    def clear_stale_pid_file(self, patience: float = 15.0) -> None:
        """Remove what a killed server left; wait for one that is still shutting down.

        The caller holds the lock of the directory, so no server of another runner can be meant. PostgreSQL
        itself would refuse when the old process id has been given to some other process of its user.
        """
        path = self.data / "postmaster.pid"
        deadline = time.monotonic() + patience
        while (text := read_or_none(path)) is not None:
            pid = text.splitlines()[0].strip()
            if not self._is_our_server(pid):
                path.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise LocalError(f"PostgreSQL (pid {pid}) still runs over {self.data}: stop it first (kill -INT {pid})")
            time.sleep(0.05)

    def _is_our_server(self, pid: str) -> bool:
        if not Path("/proc/self").exists():
            # Without /proc PostgreSQL's own check has to do: the file is left to it while the process lives.
            return _process_exists(pid)
        try:
            arguments = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self.data) in arguments

    def _check_owner(self) -> None:
        owner = self.data.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise LocalError(
                f"{self.data} belongs to the user with id {owner} (was it made by root?).\n"
                f"Run this as that user, or remove {self.home} as that user to start with an empty database."
            )

    def _check_version(self) -> None:
        made_by = read_or_none(self.data / "PG_VERSION") or "?"
        if made_by == str(self.binaries.major):
            return
        raise LocalError(
            f"{self.data} was made by PostgreSQL {made_by}; the one found here ({self.binaries.origin}: "
            f"{self.binaries.bin_dir}) is version {self.binaries.major}.\n"
            f"To keep the data: run the old version over it, `pg_dump`, and load the dump into the new one.\n"
            f"To start with an empty database: rm -r {self.home}"
        )

    def _initialise(self) -> None:
        """Make the cluster beside its final place and rename it: a killed start leaves no half-made one."""
        fresh, password_file = self.home / "fresh", self.home / "initdb-password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        write_private(password_file, self.password)
        self.account.own(fresh)
        self.account.own(password_file)
        try:
            self._run(*self._initdb(fresh, password_file))
            # Single-user mode needs neither a port nor a password.
            self._run(
                "postgres",
                "--single",
                "-D",
                str(fresh),
                "-c",
                "fsync=off",
                "postgres",
                stdin=f"CREATE DATABASE {DATABASE};\n",
            )
        finally:
            password_file.unlink()
        fresh.rename(self.data)

    def _initdb(self, target: Path, password_file: Path) -> list[str]:
        locale = ["--locale=C.UTF-8"]
        if self.binaries.major >= _BUILTIN_LOCALE_SINCE:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return [
            "initdb",
            f"--pgdata={target}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *locale,
            *([] if self.durable else ["--no-sync"]),
        ]

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        done = subprocess.run(
            [*self.account.prefix, str(self.binaries.bin_dir / program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            cwd="/",
            **self.account.popen_options(),
        )
        # Single-user mode reports a failed statement but ends with 0.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise LocalError(f"{program} failed over {self.home}:\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    """Return an environment without the PG* variables of the user's own servers."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _process_exists(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True
