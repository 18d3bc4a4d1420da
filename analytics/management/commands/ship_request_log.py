"""`manage.py ship_request_log`: the process that loads this host's request-log spool into PostgreSQL."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.shipping import AlreadyShipping, Shipper


class Command(BaseCommand):
    """Ships until SIGTERM or SIGINT; with --once, until the spool is empty."""

    help = "Load the request-log spool of this host into PostgreSQL, continuously."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--once`."""
        parser.add_argument("--once", action="store_true", help="load what is there and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the shipper."""
        shipper = Shipper(settings.SPOOL_DIR)
        if options["once"]:
            settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
            rows = 0
            while shipped := shipper.ship_once():
                rows += shipped
            self.stdout.write(f"{rows} rows loaded")
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: shipper.stopping.set())
        try:
            shipper.run()
        except AlreadyShipping as error:
            raise CommandError(f"Another shipper works on {error}.") from error
