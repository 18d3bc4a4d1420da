"""Whether the database still is as `manage.py prepare` left it: a mark in the data directory.

Owns what the mark depends on: the database cluster, the demo credentials, the migrations, the settings with the variables they
read, the installed packages, and the day (partitions are made ahead). What it cannot see, such as a migration undone by hand, the
runner hears from the product once that answers. A database of the user's own (DATABASE_URL) has no mark.
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from config.local.bootstrap import STAMP
from config.local.engines import external_url
from config.local.files import read_or_none, write_private
from config.local.layout import PROJECT, Layout

# Besides the migrations: what decides what `prepare` does.
_SOURCES = (
    "config/settings",
    "core/partitions.py",
    "analytics/partitions.py",
    "api/demo.py",
    "api/management/commands/prepare.py",
)
_VARIABLE = re.compile(rb'"([A-Z][A-Z0-9_]+)"')
# The number that initdb gave the cluster is the first field of its control file.
_IDENTIFIER_BYTES = 8


class Prepared:
    """The mark of one data directory, for the environment that its processes get."""

    def __init__(self, layout: Layout, environment: Mapping[str, str], *, project: Path = PROJECT) -> None:
        self.layout = layout
        self.environment = environment
        self.project = project

    def holds(self) -> bool:
        """Say whether nothing that `prepare` looks at has changed since `keep`."""
        kept = read_or_none(self.layout.prepared)
        return kept is not None and kept == self._fingerprint()

    def keep(self) -> None:
        """Remember the present state as prepared."""
        if (fingerprint := self._fingerprint()) is not None:
            write_private(self.layout.prepared, fingerprint)

    def forget(self) -> None:
        """Have the database prepared at the next start, whatever happens until then."""
        self.layout.prepared.unlink(missing_ok=True)

    def _fingerprint(self) -> str | None:
        """Digest everything the mark depends on; None without a cluster of our own."""
        if external_url("DATABASE_URL"):
            return None
        try:
            with (self.layout.root / "postgres" / "data" / "global" / "pg_control").open("rb") as control:
                cluster = control.read(_IDENTIFIER_BYTES)
        except OSError:
            return None
        digest = hashlib.sha256()
        parts = [cluster, str(datetime.now(UTC).date()).encode(), _content(self.layout.demo_env), self._packages()]
        variables = set[bytes]()
        for path in sorted(self._sources()):
            text = path.read_bytes()
            variables.update(_VARIABLE.findall(text))
            parts += [str(path.relative_to(self.project)).encode(), text]
        names = sorted(name.decode() for name in variables | {b"DATABASE_URL", b"DJANGO_SETTINGS_MODULE"})
        parts += [f"{name}={self.environment.get(name)}".encode() for name in names]
        for part in parts:
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    def _sources(self) -> Iterator[Path]:
        """Yield the files whose text counts: settings, migrations and the command's own."""
        for name in _SOURCES:
            path = self.project / name
            yield from path.rglob("*.py") if path.is_dir() else filter(Path.is_file, (path,))
        for folder in self.project.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                yield from folder.glob("migrations/*.py")
        yield from self.project.glob("modules/*/migrations/*.py")

    @staticmethod
    def _packages() -> bytes:
        """Return when the packages were installed: they bring migrations too."""
        stamp = Path(sys.prefix, STAMP)
        return str(stamp.stat().st_mtime_ns).encode() if stamp.exists() else b""


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
