"""Shapes of sign-in, the own account, sessions, recovery and guests."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.names import validate_shown_name
from core.validators import JSONObjectValidator
from users.choices import WeekStart
from users.models import USERNAME_VALIDATOR, Session, User, UserProfile

LOCALE_PATTERN = r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z"


@cache
def _time_zones() -> frozenset[str]:
    """Every IANA name; finding them walks the whole data base, which takes 35 ms."""
    return frozenset(available_timezones())


class PasswordField(serializers.CharField):
    """A password as typed: not trimmed, never echoed. The rules are checked by the service."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, max_length=128, write_only=True, **kwargs)


class LoginSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254, help_text="A username or an email address.")
    password = PasswordField()


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=2048)


class UserSummarySerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_staff", "is_guest", "created_at")
        read_only_fields = fields


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Bearer token for the API.")
    refresh = serializers.CharField(help_text="Works once; exchange it before the access token ends.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.", min_value=0)
    session_id = serializers.UUIDField()


class SignInSerializer(TokensSerializer):
    user = UserSummarySerializer()


class RegisterSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150, validators=[USERNAME_VALIDATOR])
    email = serializers.EmailField(max_length=254)
    password = PasswordField()
    display_name = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, validators=[validate_shown_name]
    )


class AcceptedSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="What happens next; the same whether or not such an account exists.")


class SocialHandlesField(serializers.DictField):
    child = serializers.CharField(max_length=100)


@extend_schema_field({"type": ["string", "null"], "format": "uri-reference"})
class AvatarURLField(serializers.ImageField):
    """Where the picture is, as a path on this server."""


class ProfileSerializer(serializers.ModelSerializer[UserProfile]):
    id = serializers.UUIDField(source="user_id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    first_name = serializers.CharField(source="user.first_name", max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(source="user.last_name", max_length=150, required=False, allow_blank=True)
    avatar = AvatarURLField(read_only=True, allow_null=True)
    locale = serializers.RegexField(LOCALE_PATTERN, max_length=35, required=False)
    week_start = serializers.ChoiceField(choices=WeekStart.choices, required=False)
    social_handles = SocialHandlesField(required=False, validators=[JSONObjectValidator(max_bytes=2048, max_keys=20)])

    class Meta:
        model = UserProfile
        fields = (
            "id",
            "username",
            "first_name",
            "last_name",
            "display_name",
            "avatar",
            "time_zone",
            "locale",
            "week_start",
            "social_handles",
            "updated_at",
        )
        read_only_fields = ("updated_at",)

    def validate_time_zone(self, value: str) -> str:
        """An IANA name."""
        if value not in _time_zones():
            raise serializers.ValidationError("Not an IANA time zone, for example Europe/Berlin.", "unknown_time_zone")
        return value


class AvatarSerializer(serializers.Serializer[Any]):
    avatar = serializers.FileField(help_text="JPEG, PNG, WebP or GIF, at most 5 MB.")


class MeSerializer(serializers.ModelSerializer[User]):
    profile = serializers.SerializerMethodField()
    credential = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_staff",
            "is_guest",
            "guest_resource",
            "guest_expires_at",
            "email_verified_at",
            "max_messages_per_day",
            "created_at",
            "profile",
            "credential",
        )
        read_only_fields = fields

    def get_profile(self, user: User) -> dict[str, Any]:
        profile = getattr(user, "profile", None) or UserProfile(user=user)
        return {
            "display_name": profile.display_name,
            "avatar": profile.avatar.url if profile.avatar else None,
            "time_zone": profile.time_zone,
            "locale": profile.locale,
            "week_start": profile.week_start,
        }

    def get_credential(self, user: User) -> dict[str, Any]:
        principal = self.context["principal"]
        return {
            "kind": principal.kind,
            "id": str(principal.credential_id),
            "scopes": None if principal.scopes is None else sorted(principal.scopes),
            "environment": principal.environment,
        }


class ChangePasswordSerializer(serializers.Serializer[Any]):
    current_password = PasswordField()
    new_password = PasswordField()


class EmailSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)


class ResetConfirmSerializer(serializers.Serializer[Any]):
    uid = serializers.UUIDField()
    token = serializers.CharField(max_length=200)
    new_password = PasswordField()


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=1024)


class SessionSerializer(serializers.ModelSerializer[Session]):
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "created_at", "last_used_at", "expires_at", "user_agent", "ip_address", "is_current")
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["current_session"])


class RevokedSerializer(serializers.Serializer[Any]):
    revoked = serializers.IntegerField(min_value=0)


class GuestSerializer(serializers.Serializer[Any]):
    invitation = serializers.CharField(max_length=1024)
    display_name = serializers.CharField(max_length=100, validators=[validate_shown_name])


class GuestInvitationSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField(max_length=191, help_text="What the guest may enter, as kind:id.")
    expires_in = serializers.IntegerField(min_value=60, max_value=30 * 86_400, default=86_400, help_text="Seconds.")


class InvitationSerializer(serializers.Serializer[Any]):
    invitation = serializers.CharField()


class UpgradeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150, validators=[USERNAME_VALIDATOR])
    email = serializers.EmailField(max_length=254)
    password = PasswordField()
