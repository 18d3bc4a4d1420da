"""`manage.py tour`: the main job against a running server, step by step, as people can follow it."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api import demo
from api.tour import Tour
from api.tour_kit import TourFailed

VARIABLES = ("ATELIER_URL", "ATELIER_ADMIN_USERNAME", "ATELIER_ADMIN_PASSWORD")


class Command(BaseCommand):
    """Walks the tour; address and administrator come from the environment, else from the file of the demo credentials."""

    help = "Walk through the main job on a running server: sign in, key, call, log, statistics, revocation."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """`--env-file`."""
        kept = Path(settings.DATA_DIR) / "demo.env"
        parser.add_argument("--env-file", type=Path, default=kept, help=f"where the credentials are kept ({kept})")

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk; a failed step ends it with exit code 1."""
        known = {**demo.read(options["env_file"]), **{name: os.environ[name] for name in VARIABLES if os.environ.get(name)}}
        if missing := [name for name in VARIABLES if not known.get(name)]:
            raise CommandError(
                f"{', '.join(missing)} unknown: set it, or name the file that `make run` wrote with --env-file "
                f"({options['env_file']} has it not)."
            )
        url, username, password = (known[name] for name in VARIABLES)
        try:
            Tour(url=url, username=username, password=password, say=self.stdout.write).walk()
        except TourFailed as error:
            raise CommandError(f"The tour failed at {error}") from error
