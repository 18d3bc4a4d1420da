"""`manage.py reencrypt`: the step before an old entry of FIELD_ENCRYPTION_KEYS is dropped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.reencrypting import reencrypt_all


class Command(BaseCommand):
    """Fails when something cannot be decrypted: with the old keys gone it never can."""

    help = "Encrypt everything that is encrypted in the database with the newest key."

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each column."""
        counts = reencrypt_all()
        for one in counts:
            self.stdout.write(f"{one.label}: {one.changed} changed, {one.current} were current, {one.unreadable} unreadable")
        if any(one.unreadable for one in counts):
            raise CommandError("Some values are under none of FIELD_ENCRYPTION_KEYS. Is a key missing?")
