"""Shapes of accounts as administrators see them."""

from typing import Any

from rest_framework import serializers

from users.models import USERNAME_VALIDATOR, User


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_active",
            "is_staff",
            "is_superuser",
            "is_guest",
            "guest_resource",
            "guest_expires_at",
            "email_verified_at",
            "max_messages_per_day",
            "last_login",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class UserUpdateSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150, validators=[USERNAME_VALIDATOR])
    email = serializers.EmailField(max_length=254)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False)
    is_staff = serializers.BooleanField(required=False)
    max_messages_per_day = serializers.IntegerField(min_value=0, max_value=1_000_000_000, required=False)


class UserCreateSerializer(UserUpdateSerializer):
    password = serializers.CharField(write_only=True, trim_whitespace=False, max_length=128)
