"""Documents that are made from the code and committed: a command that compares them, and writes the new one when asked."""

import difflib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

MAX_LINES = 40


class SnapshotCommand(BaseCommand, ABC):
    """Compares what `make` returns with the committed document; --write makes it the committed one.

    `committed()` is where that is, `subject` what has changed when they differ ("The API").
    """

    requires_system_checks: Any = ()
    name: ClassVar[str]
    subject: ClassVar[str]

    @abstractmethod
    def committed(self) -> Path:
        """The committed document."""

    @abstractmethod
    def make(self) -> tuple[str, str]:
        """The document as the code has it now, and how much that is ("50 paths"). Raises CommandError when it is not whole."""

    def add_arguments(self, parser: CommandParser) -> None:
        """`--write`."""
        parser.add_argument("--write", action="store_true", help="make the generated document the committed one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, then compare or write."""
        made, amount = self.make()
        path = self.committed()
        if options["write"]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(made)
            self.stdout.write(f"{path.name} written: {amount}")
            return
        kept = path.read_text() if path.is_file() else ""
        if kept != made:
            lines = difflib.unified_diff(kept.splitlines(), made.splitlines(), "committed", "generated", lineterm="", n=1)
            shown = "\n".join(list(lines)[:MAX_LINES])
            raise CommandError(f"{shown}\n{self.subject} changed. If you mean it: manage.py {self.name} --write")
        self.stdout.write(f"{path.name}: {amount}, as committed")
