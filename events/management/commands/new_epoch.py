"""`manage.py new_epoch`: every position that a client remembers loses its meaning."""

from typing import Any

from django.core.management.base import BaseCommand

from events import epochs


class Command(BaseCommand):
    """Run once after a restore or an import, before the application starts."""

    help = "Begin a new epoch of the event log: clients that resume load their state anew. After each restore."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say the epoch and how many streams it is about."""
        epoch, streams = epochs.begin()
        self.stdout.write(f"epoch {epoch} begun for {streams} streams")
