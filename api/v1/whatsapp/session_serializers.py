"""Shapes of sessions. Credentials go in and never come out."""

from typing import Any

from rest_framework import serializers

from api.v1.whatsapp.fields import PhoneNumberField, TextField
from modules.whatsapp.choices import Driver
from modules.whatsapp.gateways.sandbox import DEFAULTS, FAILURES
from modules.whatsapp.links import hook_url
from modules.whatsapp.models import WhatsAppSession


class WhatsAppSessionSerializer(serializers.ModelSerializer[WhatsAppSession]):
    session_id = serializers.UUIDField(source="pk", read_only=True)
    has_qr = serializers.SerializerMethodField(help_text="Whether there is a code at `/api/v1/sessions/qr/`.")
    is_sandbox = serializers.BooleanField(read_only=True, help_text="Nothing leaves the house.")
    hook_url = serializers.SerializerMethodField(help_text="Where the gateway is to call; the Cloud API asks for it.")

    class Meta:
        model = WhatsAppSession
        fields = (
            "session_id",
            "environment",
            "driver",
            "is_sandbox",
            "status",
            "status_reason",
            "status_detail",
            "has_qr",
            "pairing_code",
            "phone_number",
            "display_name",
            "connected_at",
            "last_active_at",
            "is_suspended",
            "messages_per_second",
            "burst",
            "paused_until",
            "pause_reason",
            "hook_url",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_has_qr(self, session: WhatsAppSession) -> bool:
        """Only while one is to be scanned."""
        return bool(session.qr_code)

    def get_hook_url(self, session: WhatsAppSession) -> str:
        """Its own address."""
        return "" if session.is_sandbox else hook_url(session)


class WhatsAppSessionInitSerializer(serializers.Serializer[Any]):
    driver = serializers.ChoiceField(
        choices=Driver.choices, required=False, help_text="Left out: the one there was, or the installation's."
    )
    credentials = serializers.DictField(
        child=serializers.CharField(max_length=1000),
        required=False,
        help_text="What the driver needs (`/api/v1/sessions/drivers/`); kept encrypted, never shown again.",
    )
    pairing_number = PhoneNumberField(
        required=False, help_text="Your own number: connect with a code typed on the phone instead of a QR code."
    )


class WhatsAppSessionCloseSerializer(serializers.Serializer[Any]):
    forget = serializers.BooleanField(default=True, help_text="Unlink the phone too; false keeps the link for the next time.")


class WhatsAppPaceSerializer(serializers.Serializer[Any]):
    messages_per_second = serializers.FloatField(
        min_value=0, max_value=1000, allow_null=True, required=False, help_text="0: no pace; null: what suits the driver."
    )
    burst = serializers.IntegerField(min_value=1, max_value=1000, allow_null=True, required=False)


class WhatsAppCodeSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="What the code says, for your own rendering.")
    png_base64 = serializers.CharField(help_text="The code as a PNG picture, base64.")
    data_url = serializers.CharField(help_text="The same for the `src` of an `img`.")
    pairing_code = serializers.CharField(allow_blank=True, help_text="What to type on the phone, where one was asked for.")


class WhatsAppCredentialSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField(source="help_text")
    required = serializers.BooleanField()  # type: ignore[assignment]  # a field of that name


class WhatsAppCapabilitiesSerializer(serializers.Serializer[Any]):
    qr = serializers.BooleanField()
    pairing_code = serializers.BooleanField()
    templates = serializers.BooleanField()
    number_check = serializers.BooleanField()
    client_message_id = serializers.BooleanField(help_text="Sending again what may have been sent is safe.")
    window = serializers.BooleanField(help_text="Free text only within 24 hours of the recipient's last message.")


class WhatsAppDriverSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="driver")
    is_configured = serializers.SerializerMethodField(help_text="Ready without credentials of your own.")
    capabilities = WhatsAppCapabilitiesSerializer()
    credentials = WhatsAppCredentialSerializer(many=True)
    messages_per_second = serializers.FloatField(source="pace.per_second")

    def get_is_configured(self, gateway: Any) -> bool:
        """With the operator's settings alone."""
        return bool(gateway.is_configured({}))


class WhatsAppSandboxSerializer(serializers.Serializer[Any]):
    scan_after_ms = serializers.IntegerField(
        min_value=0, max_value=3_600_000, required=False, help_text=f"When the code scans itself ({DEFAULTS['scan_after_ms']})."
    )
    delay_ms = serializers.IntegerField(min_value=0, max_value=2_000, required=False, help_text="How long a send takes.")
    delivered_after_ms = serializers.IntegerField(min_value=-1, max_value=3_600_000, required=False, help_text="-1: never.")
    read_after_ms = serializers.IntegerField(min_value=-1, max_value=3_600_000, required=False, help_text="-1: never.")
    reply = TextField(max_length=1000, required=False, allow_blank=True, help_text="What every recipient answers.")
    fail = serializers.ChoiceField(  # type: ignore[assignment]  # a field of that name
        choices=FAILURES, required=False, allow_blank=True, help_text="How every send fails; empty: it does not."
    )


class WhatsAppSandboxMessageSerializer(serializers.Serializer[Any]):
    sender = PhoneNumberField()
    text = TextField(max_length=4096)


class WhatsAppAcceptedSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField(help_text="The gateway event that was made.")
