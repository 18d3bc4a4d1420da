"""Shapes of API keys. The raw key appears in one answer only."""

from typing import Any

from rest_framework import serializers

from api_keys.choices import Environment
from api_keys.models import APIKey
from core.validators import JSONObjectValidator


class APIKeySerializer(serializers.ModelSerializer[APIKey]):
    status = serializers.ChoiceField(choices=["active", "inactive", "expired", "revoked"], read_only=True)
    owner = serializers.UUIDField(source="owner_id", read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)
    replaced_by = serializers.UUIDField(source="replaced_by_id", read_only=True, allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    allowed_networks = serializers.ListField(child=serializers.CharField(), read_only=True)
    metadata = serializers.DictField(read_only=True)

    class Meta:
        model = APIKey
        fields = (
            "id",
            "name",
            "owner",
            "created_by",
            "prefix",
            "last_four",
            "environment",
            "status",
            "scopes",
            "allowed_networks",
            "rate_limit",
            "daily_quota",
            "metadata",
            "is_active",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "last_used_ip",
            "replaced_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class NewAPIKeySerializer(APIKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The raw key, shown this once.")

    class Meta(APIKeySerializer.Meta):
        fields: Any = (*APIKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class APIKeyUpdateSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.CharField(max_length=64), max_length=100, required=False)
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=43), max_length=50, required=False, help_text="CIDR networks; empty allows all."
    )
    rate_limit = serializers.IntegerField(
        min_value=1, max_value=1_000_000_000, required=False, allow_null=True, help_text="Requests a minute."
    )
    daily_quota = serializers.IntegerField(
        min_value=1, max_value=2_000_000_000, required=False, allow_null=True, help_text="Requests a UTC day."
    )
    metadata = serializers.DictField(required=False, validators=[JSONObjectValidator()])
    is_active = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class APIKeyCreateSerializer(APIKeyUpdateSerializer):
    environment = serializers.ChoiceField(choices=Environment.choices, default=Environment.LIVE)
    owner = serializers.UUIDField(required=False, help_text="Administrators may make keys for others.")


class RotateSerializer(serializers.Serializer[Any]):
    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=30 * 86_400, default=86_400, help_text="How long the old key still works."
    )


class ScopeSerializer(serializers.Serializer[Any]):
    scope = serializers.CharField()
    description = serializers.CharField()
    admin_only = serializers.BooleanField()


class VerifySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=200, required=False, help_text="A key to look at; without it, the calling one.")


class VerdictSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    code = serializers.CharField(allow_null=True, help_text="Why it is not valid.")
    key_id = serializers.UUIDField(allow_null=True)
    owner = serializers.UUIDField(allow_null=True)
    environment = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
