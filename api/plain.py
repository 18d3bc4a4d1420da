"""Showing rows without asking each field how: most of a list's time goes there."""

from functools import cached_property
from operator import attrgetter
from typing import Any

from rest_framework import serializers

# The renderer writes their values as these fields would.
_PLAIN = (
    *(serializers.CharField, serializers.UUIDField, serializers.DateTimeField, serializers.DateField, serializers.BooleanField),
    *(serializers.IntegerField, serializers.ChoiceField, serializers.JSONField, serializers.FloatField),
)


class PlainModelSerializer(serializers.ModelSerializer[Any]):
    """A read-only shape: plain values go to the renderer as they are in Python, other fields are asked as ever."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The row by the names of its fields."""
        shown = {}
        for name, value_of, representation in self._plan:
            value = value_of(instance)
            shown[name] = value if representation is None or value is None else representation(value)
        return shown

    @cached_property
    def _plan(self) -> list[tuple[str, Any, Any]]:
        """Of each field its name, how to get its value, and how to show it where that is not as it is."""
        return [
            (name, attrgetter(str(field.source)), None)
            if isinstance(field, _PLAIN) and "." not in str(field.source)
            else (name, field.get_attribute, field.to_representation)
            for name, field in self.fields.items()
            if not field.write_only
        ]
