"""`manage.py check_schema`: the OpenAPI document is valid, free of warnings, and the committed one."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

SNAPSHOT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"


class Command(BaseCommand):
    """Compares the generated schema with docs/openapi.yaml; --write makes the new one."""

    help = "Check the OpenAPI document against the committed one, or write it."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """`--write`."""
        parser.add_argument("--write", action="store_true", help="make the generated document the committed one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Generate, validate, compare or write."""
        GENERATOR_STATS.silence()
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        validate_schema(schema)  # type: ignore[no-untyped-call]
        problems = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
        if problems:
            raise CommandError("The schema generator complains:\n" + "\n".join(problems))
        made = yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=120)
        if options["write"]:
            SNAPSHOT.parent.mkdir(exist_ok=True)
            SNAPSHOT.write_text(made)
            self.stdout.write(f"{SNAPSHOT.name} written: {len(schema['paths'])} paths")
            return
        kept = SNAPSHOT.read_text() if SNAPSHOT.is_file() else ""
        if kept != made:
            lines = difflib.unified_diff(kept.splitlines(), made.splitlines(), "committed", "generated", lineterm="", n=1)
            shown = "\n".join(list(lines)[:40])
            raise CommandError(f"{shown}\nThe API changed. If you mean it: manage.py check_schema --write")
        self.stdout.write(f"OpenAPI: {len(schema['paths'])} paths, as committed")
