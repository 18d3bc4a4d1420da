"""One private Valkey (or Redis) server over a directory.

Owns its configuration, the command that runs it, and knowing when it answers. It listens on 127.0.0.1 only
and asks for a random password. What is stored in it belongs to the product.
"""

import os
import signal
import socket
from pathlib import Path

from config.local.engines import ValkeyBinary
from config.local.files import private_dir, remembered_port, remembered_secret, write_private
from config.local.process import ChildSpec, free_port, port_is_free

# Each worker of a parallel test run takes one.
DATABASES = 64


class Valkey:
    """A Valkey server over `home`; `durable=False` keeps nothing on disk (tests)."""

    name = "valkey"
    taken_port_message = b"Address already in use"

    def __init__(self, binary: ValkeyBinary, home: Path, log: Path, *, durable: bool = True) -> None:
        self.binary = binary
        self.home = home.absolute()
        self.log = log.absolute()
        self.durable = durable
        self.port = 0
        self.password = ""

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Make the directory and the configuration, and choose a port."""
        private_dir(self.home)
        self.password = remembered_secret(self.home / "password")
        kept = remembered_port(self.home / "port")
        self.use_port(kept if kept and port_is_free(kept) else free_port())

    def use_port(self, port: int) -> None:
        """Listen on this port from the next start on."""
        self.port = port
        write_private(self.home / "port", f"{port}\n")
        # A file, not arguments: other users see the arguments of a process.
        write_private(self.home / "valkey.conf", "".join(f"{line}\n" for line in self._configuration()))

    def spec(self) -> ChildSpec:
        """Return the command that runs the server in the foreground."""
        # With nothing to save there is nothing to wait for.
        ending = signal.SIGTERM if self.durable else signal.SIGKILL
        return ChildSpec(
            name=self.name,
            argv=(str(self.binary.program), str(self.home / "valkey.conf")),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.home,
            log=self.log,
            death_signal=ending,
            stop_signal=ending,
        )

    def ready(self, _pid: int, /) -> bool:
        """Say whether a server answers to our password, which no other has, and has loaded its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (more := connection.recv(1024)):
                    answer += more
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _configuration(self) -> list[str]:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"databases {DATABASES}",
            f'dir "{self.home}"',
            'save ""',
            "daemonize no",
            'logfile ""',
        ]
        return [*lines, "appendonly yes", "appendfsync everysec"] if self.durable else [*lines, "appendonly no"]
