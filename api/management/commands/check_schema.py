"""`manage.py check_schema`: the OpenAPI document is valid, free of warnings, and the committed one."""

from pathlib import Path

import yaml
from django.core.management.base import CommandError
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from core.snapshot import SnapshotCommand

SNAPSHOT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"


class Command(SnapshotCommand):
    """Compares the generated schema with docs/openapi.yaml; --write makes the new one."""

    help = "Check the OpenAPI document against the committed one, or write it."
    name = "check_schema"
    subject = "The API"

    def committed(self) -> Path:
        """The document."""
        return SNAPSHOT

    def make(self) -> tuple[str, str]:
        """The document, when it is valid and the generator has nothing to say."""
        GENERATOR_STATS.silence()
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        validate_schema(schema)  # type: ignore[no-untyped-call]
        problems = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
        if problems:
            raise CommandError("The schema generator complains:\n" + "\n".join(problems))
        return yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=120), f"{len(schema['paths'])} paths"
