"""Fields that more than one shape has."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.validators import normalize_phone_number


class PhoneNumberField(serializers.CharField):
    """A number in international form; its value is E.164."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 32, "help_text": "International form, for example +14155552671.", **options})

    def to_internal_value(self, data: Any) -> str:
        """The E.164 form."""
        text = super().to_internal_value(data)
        # First, so that what is too long, or holds a NUL, is called that.
        self.run_validators(text)
        try:
            return normalize_phone_number(text)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message, code=error.code) from error


@extend_schema_field(OpenApiTypes.STR)
class TextField(serializers.CharField):
    """What a person reads: kept as it was written, spaces too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        """Not only spaces, unless it may be empty."""
        text = super().to_internal_value(data)
        if not self.allow_blank and not text.strip():
            self.fail("blank")
        return text
