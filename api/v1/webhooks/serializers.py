"""Shapes of webhook endpoints and deliveries. A secret appears in the answers to making and rotating it only."""

from typing import Any

from rest_framework import serializers

from webhooks.choices import AttemptError, Audience, DisabledReason
from webhooks.models import MAX_URL, WebhookAttempt, WebhookDelivery, WebhookEndpoint

_SECRET_HELP = "Your own secret: `whsec_` and the base64 of 24 to 64 bytes. Without it, one is made."  # noqa: S105 - a sentence


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    event_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    disabled_reason = serializers.ChoiceField(
        choices=DisabledReason.choices, allow_blank=True, read_only=True, help_text="Empty while it is active."
    )

    class Meta:
        model = WebhookEndpoint
        fields = (
            "id",
            "url",
            "description",
            "event_types",
            "audience",
            "is_active",
            "disabled_reason",
            "disabled_at",
            "previous_secret_expires_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="What deliveries are signed with, shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields: Any = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookUpdateSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=MAX_URL, help_text="https, a public host, port 80, 443, 8080 or 8443.")
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=50,
        help_text="Names (`user.created`), prefixes (`user.*`) or `*`; see `/api/v1/webhooks/event-types/`.",
    )
    audience = serializers.ChoiceField(
        choices=Audience.choices,
        required=False,
        help_text="`own`: events of the streams you follow. `platform`: every event (administrators, signed in).",
    )


class WebhookCreateSerializer(WebhookUpdateSerializer):
    secret = serializers.CharField(max_length=100, required=False, help_text=_SECRET_HELP)


class RotateSecretSerializer(serializers.Serializer[Any]):
    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=7 * 86_400, default=86_400, help_text="How long deliveries are signed with the old secret too."
    )
    secret = serializers.CharField(max_length=100, required=False, help_text=_SECRET_HELP)


class WebhookEventTypeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    streams = serializers.ListField(child=serializers.CharField(), help_text="The kinds of stream it appears on.")
    schema = serializers.DictField(help_text="`data` of such a delivery, as JSON Schema 2020-12.")
    example = serializers.DictField(help_text="An example of `data`.")


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    webhook = serializers.UUIDField(source="endpoint_id", read_only=True)
    last_error = serializers.ChoiceField(
        choices=AttemptError.choices, allow_blank=True, read_only=True, help_text="Of the last attempt; empty after a success."
    )

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "webhook",
            "event_id",
            "event_type",
            "status",
            "attempts",
            "next_attempt_at",
            "last_status_code",
            "last_error",
            "is_test",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class WebhookAttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    request_headers = serializers.DictField(child=serializers.CharField(), read_only=True)
    error = serializers.ChoiceField(
        choices=AttemptError.choices, allow_blank=True, read_only=True, help_text="Empty after a success."
    )

    class Meta:
        model = WebhookAttempt
        fields = ("number", "started_at", "duration_ms", "status_code", "error", "request_headers", "response_head")
        read_only_fields = fields


class WebhookDeliveryDetailSerializer(WebhookDeliverySerializer):
    attempt_log = WebhookAttemptSerializer(
        many=True, read_only=True, source="newest_attempts", help_text="The last 50 attempts, newest first."
    )

    class Meta(WebhookDeliverySerializer.Meta):
        fields: Any = (*WebhookDeliverySerializer.Meta.fields, "body", "attempt_log")
        read_only_fields = fields


class ReplayFailedSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(help_text="Deliveries queued from this moment on.")


class ReplayedSerializer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField(min_value=0, help_text="How many are queued again; at most 10,000 at a time.")
