"""`manage.py prepare`: what a development database needs before the server starts: tables, partitions, demo data."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from analytics import partitions
from api import demo


class Command(BaseCommand):
    """Migrates if needed, makes partitions, and demo data on an empty database; writes the demo credentials to a file."""

    help = "Migrate, and create demo data on an empty development database."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """`--env-file`."""
        parser.add_argument("--env-file", type=Path, required=True, help="where the demo credentials are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the database."""
        if not settings.DEMO_ALLOWED:
            raise CommandError("Demo data exists in development settings only.")
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
            self.stdout.write("migrated")
        partitions.keep()
        if demo.ensure(options["env_file"]):
            self.stdout.write(f"demo credentials in {options['env_file']}")
