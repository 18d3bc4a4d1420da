"""Shapes of events, of what can be asked of a stream, and of tickets."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_EVENTS = 500
MAX_WAIT_SECONDS = 30
MAX_SEQ = 9_223_372_036_854_775_807


class EventQuerySerializer(serializers.Serializer[Any]):
    stream = serializers.CharField(trim_whitespace=False, help_text="The stream's name, `<kind>:<id>`.")
    since = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_SEQ,
        help_text="The seq of the last event you have; 0 for all that are kept. Without it, only the stream's position is told.",
    )
    epoch = serializers.CharField(
        required=False, max_length=16, help_text="The epoch that `since` belongs to, as `meta.stream` told it."
    )
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_EVENTS, help_text="The most events in one answer.")
    wait = serializers.IntegerField(
        default=0, min_value=0, max_value=MAX_WAIT_SECONDS, help_text="Seconds to wait while there is nothing newer than `since`."
    )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "description": "The payload; its fields depend on the type.",
        "example": {"user": "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11", "username": "someone", "changed": ["display_name"]},
    }
)
class PayloadField(serializers.DictField):
    """An event's payload."""


class EventSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="The event's type, as in the catalogue.")
    stream = serializers.CharField()
    seq = serializers.IntegerField(min_value=1, help_text="Its place in the stream: from 1, without gaps.")
    id = serializers.UUIDField()
    timestamp = serializers.DateTimeField()
    data = PayloadField()  # type: ignore[assignment]


@extend_schema_field({"type": "string", "example": "user:019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"})
class ExampleField(serializers.CharField):
    """A stream's name."""


class StreamKindSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    description = serializers.CharField()
    scope = serializers.CharField(help_text="What an API key needs besides `events:read`; often the same.")
    example = ExampleField(help_text="A stream's name; the kind `user` shows the caller's own.")


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField(help_text="Opens the socket once.")
    expires_in = serializers.IntegerField(help_text="Seconds.")
