"""Bringing what is encrypted in the database under the newest key, so that older ones can be retired."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from core import crypto
from core.fields import EncryptedField

BATCH = 500


@dataclass(slots=True)
class Count:
    """What became of the values of one column."""

    label: str
    current: int = 0
    changed: int = 0
    unreadable: int = 0


def reencrypt_all() -> list[Count]:
    """Go through every encrypted column of the installed apps. May be repeated, and may run while the product does."""
    return [
        _reencrypt(model, field.attname)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedField) and not model._meta.proxy
    ]


def _reencrypt(model: type[models.Model], field: str) -> Count:
    count = Count(f"{model._meta.label}.{field}")
    rows: Any = model._base_manager.exclude(**{field: None}).order_by("pk").values_list("pk", field)
    found = list(rows[:BATCH])
    while found:
        for key, value in found:
            _one(model, field, key, bytes(value), count)
        found = list(rows.filter(pk__gt=found[-1][0])[:BATCH])
    return count


def _one(model: type[models.Model], field: str, key: Any, value: bytes, count: Count) -> None:
    renewed = crypto.reencrypt(value)
    if renewed is None:
        count.unreadable += 1
    elif renewed == value:
        count.current += 1
    else:
        # Not over what was written since it was read.
        count.changed += model._base_manager.filter(**{"pk": key, field: value}).update(**{field: renewed})
