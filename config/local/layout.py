"""Where the runner keeps what, and on which address the product listens.

Owns the names inside the data directory (DATA_DIR, default `.data`) and the reading of HOST, PORT,
WEB_WORKERS and WEB_THREADS. The product's own settings are read by the product.
"""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from config.local.errors import LocalError
from config.local.files import entry_dir, private_dir

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """The data directory of one instance."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Layout":
        """Read DATA_DIR; a relative one is meant from the project."""
        return cls(PROJECT / (os.environ.get("DATA_DIR") or ".data"))

    @property
    def lock(self) -> Path:
        return self.root / "runner.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def metrics(self) -> Path:
        return self.run / "prometheus"

    @property
    def demo_env(self) -> Path:
        return self.root / "demo.env"

    @property
    def prepared(self) -> Path:
        return self.root / "prepared"

    def log(self, name: str) -> Path:
        """Return the log file of one component."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the directories; only the root may be passed through by others, and by root's doing alone."""
        entry_dir(self.root)
        for path in (self.logs, self.run, self.spool):
            private_dir(path)


@dataclass(frozen=True)
class WebAddress:
    """Where the web process listens, and how wide."""

    host: str
    port: int
    workers: int
    threads: int
    # 0: the port after `port`.
    realtime: int = 0

    @classmethod
    def from_environment(cls) -> "WebAddress":
        """Read HOST, PORT, WEB_WORKERS, WEB_THREADS and REALTIME_PORT; raises LocalError naming the wrong one."""
        return cls(
            host=os.environ.get("HOST") or "127.0.0.1",
            port=_number("PORT", 8000, most=65535),
            workers=_number("WEB_WORKERS", 2, most=256),
            threads=_number("WEB_THREADS", 4, most=1024),
            realtime=_number("REALTIME_PORT", 0, least=0, most=65535),
        )

    @property
    def realtime_port(self) -> int:
        """Where the sockets are."""
        return self.realtime or self.port + 1

    @property
    def probe_host(self) -> str:
        """The address to reach it from this machine."""
        return _LOOPBACK_OF.get(self.host, self.host)

    @property
    def url(self) -> str:
        """The address for a person's browser on this machine."""
        host = "localhost" if self.probe_host in {"127.0.0.1", "::1"} else self.probe_host
        return f"http://{host}:{self.port}"

    @property
    def socket_url(self) -> str:
        """The address of the socket, likewise."""
        return f"{self.url.replace('http', 'ws', 1).removesuffix(str(self.port))}{self.realtime_port}/ws/v1/"


# Who listens everywhere is asked on the loopback address.
_LOOPBACK_OF = {str(ipaddress.IPv4Address(0)): "127.0.0.1", str(ipaddress.IPv6Address(0)): "::1"}


def _number(variable: str, default: int, *, least: int = 1, most: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not least <= int(text) <= most:
        raise LocalError(f"{variable} must be a number from {least} to {most}, not {text!r}")
    return int(text)
