"""Shapes of files and incoming webhooks."""

from typing import Any

from rest_framework import serializers

from api.plain import PlainModelSerializer
from modules.chat.models import ChatFile, IncomingWebhook
from modules.chat.models.message import MAX_TEXT
from modules.chat.models.room import MAX_NAME


class ChatFileUploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(max_length=200, allow_empty_file=True)


class ChatFileSerializer(PlainModelSerializer):
    message = serializers.UUIDField(
        source="message_id", read_only=True, allow_null=True, help_text="The message it went with; null while it was not sent."
    )

    class Meta:
        model = ChatFile
        fields = ("id", "kind", "filename", "mime_type", "size", "width", "height", "blurhash", "message", "created_at")
        read_only_fields = fields


class ChatIncomingWebhookSerializer(PlainModelSerializer):
    room = serializers.UUIDField(source="room_id", read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = IncomingWebhook
        fields = ("id", "room", "name", "is_active", "created_by", "created_at", "last_used_at")
        read_only_fields = fields


class ChatIncomingWebhookMadeSerializer(ChatIncomingWebhookSerializer):
    token = serializers.CharField(read_only=True, help_text="Shown once: only its digest is kept.")
    path = serializers.CharField(read_only=True, help_text="Where to post: the address with the token.")

    class Meta(ChatIncomingWebhookSerializer.Meta):
        fields: Any = (*ChatIncomingWebhookSerializer.Meta.fields, "token", "path")
        read_only_fields = fields


class ChatIncomingWebhookMakeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME, help_text="Under which it writes.")


class ChatIncomingWebhookChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_NAME, required=False)
    is_active = serializers.BooleanField(required=False)


class ChatIncomingMessageSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=MAX_TEXT, trim_whitespace=False)
    username = serializers.CharField(
        max_length=MAX_NAME, required=False, allow_blank=True, help_text="The author's name instead of the webhook's."
    )


class ChatIncomingTakenSerializer(serializers.Serializer[Any]):
    message = serializers.UUIDField()
    number = serializers.IntegerField()
