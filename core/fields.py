"""Model fields of the kernel."""

from collections.abc import Sequence
from typing import Any

from django.db import models


class EncryptedField(models.BinaryField):  # type: ignore[type-arg]  # generic in the stubs only
    """What core.crypto.encrypt made. Plain bytes to the database; the class lets `manage.py reencrypt` find such columns."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """As the field that it is to migrations."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options
