"""Shapes of messages, bulks, files and contacts."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.plain import PlainModelSerializer
from api.v1.whatsapp.fields import PhoneNumberField, TextField
from core.files import FileKind
from modules.whatsapp.choices import MessageStatus, OptOutSource
from modules.whatsapp.models import Bulk, Contact, Media, Message, MessageAttempt
from modules.whatsapp.models.media import MAX_URL
from modules.whatsapp.models.message import MAX_CAPTION, MAX_TEXT
from modules.whatsapp.services.bulks import MAX_RECIPIENTS


class WhatsAppMediaSerializer(PlainModelSerializer):
    class Meta:
        model = Media
        fields = ("id", "kind", "status", "error_code", "filename", "mime_type", "size", "sha256", "created_at")
        read_only_fields = fields


class WhatsAppMessageSerializer(PlainModelSerializer):
    media = WhatsAppMediaSerializer(read_only=True, allow_null=True)
    bulk = serializers.UUIDField(source="bulk_id", read_only=True, allow_null=True)
    template = serializers.DictField(read_only=True, allow_null=True)
    recipient = serializers.CharField(read_only=True, help_text="The other party, also of an inbound message.")

    class Meta:
        model = Message
        fields = (
            "id",
            "direction",
            "recipient",
            "message_type",
            "content",
            "template",
            "media",
            "status",
            "error_code",
            "error_message",
            "client_reference",
            "bulk",
            "reply_to",
            "provider_id",
            "is_sandbox",
            "attempts",
            "created_at",
            "send_at",
            "sent_at",
            "delivered_at",
            "read_at",
            "finished_at",
        )
        read_only_fields = fields


class WhatsAppMessageAttemptSerializer(PlainModelSerializer):
    class Meta:
        model = MessageAttempt
        fields = ("number", "started_at", "duration_ms", "error_code", "error_message")
        read_only_fields = fields


class WhatsAppMessageDetailSerializer(WhatsAppMessageSerializer):
    attempt_log = WhatsAppMessageAttemptSerializer(
        many=True, read_only=True, help_text="The attempts after which it was not sent."
    )

    class Meta(WhatsAppMessageSerializer.Meta):
        fields: Any = (*WhatsAppMessageSerializer.Meta.fields, "attempt_log")
        read_only_fields = fields


class _SendSerializer(serializers.Serializer[Any]):
    recipient = PhoneNumberField()
    send_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When to send it; left out: now.")
    client_reference = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="What you call it.")
    reply_to = serializers.CharField(
        max_length=128, required=False, allow_blank=True, help_text="The `provider_id` of the message this answers."
    )


class WhatsAppSendTextSerializer(_SendSerializer):
    content = TextField(max_length=MAX_TEXT)


class WhatsAppTemplateSerializer(serializers.Serializer[Any]):
    name = serializers.RegexField(r"\A[a-z0-9_]+\Z", max_length=512, help_text="As it is called at Meta.")
    language = serializers.RegexField(r"\A[A-Za-z]{2,3}(_[A-Za-z]{2,4})?\Z", max_length=8, help_text="For example `en_US`.")
    parameters = serializers.ListField(
        child=TextField(max_length=1024), max_length=20, required=False, help_text="What fills the body's places, in order."
    )


class WhatsAppSendTemplateSerializer(_SendSerializer):
    template = WhatsAppTemplateSerializer()


@extend_schema_field(OpenApiTypes.STR)
class MediaReferenceField(serializers.Field[Any, Any, Any, Any]):
    """A URL or the id of a kept file as text; in multipart, the file."""

    def to_internal_value(self, data: Any) -> Any:
        """As it came: which of them it is, is the view's to tell."""
        if isinstance(data, str) and 0 < len(data) <= MAX_URL and "\x00" not in data:
            return data.strip()
        if hasattr(data, "chunks"):
            return data
        raise serializers.ValidationError("A URL, the id of a file, or a file.", code="invalid")

    def to_representation(self, value: Any) -> Any:
        """Never shown."""
        return str(value)


class WhatsAppSendMediaSerializer(_SendSerializer):
    message_type = serializers.ChoiceField(choices=FileKind.choices)
    media = MediaReferenceField(help_text="A URL (fetched by us), the id of a kept file, or the file itself (multipart).")
    caption = TextField(max_length=MAX_CAPTION, required=False, allow_blank=True)
    filename = serializers.CharField(max_length=120, required=False, allow_blank=True)


class WhatsAppSendBulkSerializer(serializers.Serializer[Any]):
    recipients = serializers.ListField(
        # An empty one is refused like any other that is no number.
        child=serializers.CharField(max_length=64, allow_blank=True),
        min_length=1,
        max_length=MAX_RECIPIENTS,
        help_text="International numbers.",
    )
    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    content = TextField(max_length=MAX_TEXT, required=False, help_text="The text; or give `template` or `media`.")
    template = WhatsAppTemplateSerializer(required=False)
    media = serializers.UUIDField(required=False, help_text="A kept file; `content` is its caption then.")
    send_at = serializers.DateTimeField(required=False, allow_null=True)
    client_reference = serializers.CharField(max_length=100, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something to send, of one kind."""
        if "template" in attrs and ("media" in attrs or "content" in attrs):
            raise serializers.ValidationError({"template": "Give either a template or content."}, code="invalid")
        if not {"template", "media", "content"} & set(attrs):
            raise serializers.ValidationError({"content": "Give content, a template or media."}, code="required")
        if "media" in attrs and len(attrs.get("content", "")) > MAX_CAPTION:
            raise serializers.ValidationError({"content": f"A caption has at most {MAX_CAPTION} characters."}, code="max_length")
        return attrs


class WhatsAppRejectedSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(min_value=0, help_text="The place in `recipients`.")
    recipient = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class WhatsAppBulkSerializer(serializers.ModelSerializer[Bulk]):
    class Meta:
        model = Bulk
        fields = ("id", "name", "status", "accepted", "rejected_count", "created_at", "updated_at", "finished_at")
        read_only_fields = fields


class WhatsAppProgressSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """A count for each status of an outbound message."""
        statuses = [status for status in MessageStatus if status != MessageStatus.RECEIVED]
        return {status.value: serializers.IntegerField(min_value=0) for status in statuses}


class WhatsAppBulkDetailSerializer(WhatsAppBulkSerializer):
    rejected = WhatsAppRejectedSerializer(many=True, read_only=True, help_text="Who was refused, and why.")
    progress = WhatsAppProgressSerializer(read_only=True, help_text="How many messages stand where.")

    class Meta(WhatsAppBulkSerializer.Meta):
        fields: Any = (*WhatsAppBulkSerializer.Meta.fields, "progress", "rejected")
        read_only_fields = fields


class WhatsAppMediaUploadSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=FileKind.choices)
    file = serializers.FileField(max_length=200, allow_empty_file=False)


class WhatsAppContactSerializer(serializers.ModelSerializer[Contact]):
    recipient = serializers.CharField(source="phone_number", read_only=True)
    opt_out_source = serializers.ChoiceField(choices=OptOutSource.choices, read_only=True, allow_blank=True)

    class Meta:
        model = Contact
        fields = (
            "id",
            "recipient",
            "name",
            "last_outbound_at",
            "last_inbound_at",
            "opted_out_at",
            "opt_out_source",
            "updated_at",
        )
        read_only_fields = fields


class WhatsAppRecipientSerializer(serializers.Serializer[Any]):
    recipient = PhoneNumberField()


class WhatsAppNumberCheckSerializer(serializers.Serializer[Any]):
    recipient = serializers.CharField(help_text="The number in E.164.")
    exists = serializers.BooleanField(help_text="Whether it has WhatsApp.")
    is_sandbox = serializers.BooleanField()


class WhatsAppHookTakenSerializer(serializers.Serializer[Any]):
    new = serializers.IntegerField(min_value=0, help_text="How many things were not known yet.")
