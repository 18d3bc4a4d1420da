"""Accounts, their profiles, their sessions, and the letters waiting to be sent to them."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from core.ids import uuid7
from core.models import TimestampedModel, UUIDModel
from core.names import validate_shown_name
from core.validators import JSONObjectValidator
from events import publish
from users.choices import MailKind, RevocationReason, WeekStart
from users.events import UserCreated

models.CharField.register_lookup(Lower)
models.EmailField.register_lookup(Lower)

USERNAME_VALIDATOR = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9._+-]*\Z", "Letters, digits, dot, dash, plus and underscore; no @.", "invalid_username"
)


class UserQuerySet(models.QuerySet["User"]):
    """Accounts."""

    def visible_to(self, *, user_id: UUID, is_staff: bool) -> Self:
        """Everyone for staff, oneself for others."""
        return self if is_staff else self.filter(pk=user_id)

    def named(self, identifier: str) -> Self:
        """The accounts a person may mean by a username or an email, whatever the case."""
        lowered = identifier.lower()
        return self.filter(models.Q(username__lower=lowered) | models.Q(email__lower=lowered))


class UserManager(DjangoUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Django's manager over our query set."""

    def create_superuser(self, username: str, email: str | None = None, password: str | None = None, **fields: Any) -> "User":
        """As `createsuperuser` does; whoever can run it vouches for the address."""
        fields.setdefault("email_verified_at", timezone.now())
        with transaction.atomic():
            user: User = super().create_superuser(username, email, password, **fields)
            UserProfile.objects.get_or_create(user=user)
            publish(UserCreated(user.pk, user.username, is_guest=False), stream=f"user:{user.pk}")
        return user


class User(AbstractUser):
    """A person, or a guest. Keys of the platform: who may act, whether, and since when."""

    date_joined = None  # type: ignore[assignment]
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(max_length=150, unique=True, validators=[USERNAME_VALIDATOR])
    # NULL for guests: the unique constraint must not see them.
    email = models.EmailField(null=True, blank=True)  # type: ignore[assignment]  # noqa: DJ001
    email_verified_at = models.DateTimeField(null=True, blank=True)
    max_messages_per_day = models.PositiveIntegerField(default=1000, validators=[MaxValueValidator(1_000_000_000)])
    is_guest = models.BooleanField(default=False)
    guest_resource = models.CharField(max_length=200, blank=True, help_text="What the guest was invited to: kind:id.")
    guest_expires_at = models.DateTimeField(null=True, blank=True)
    tokens_valid_after = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(Lower("username"), name="users_username_ci", violation_error_code="unique"),
            models.UniqueConstraint(Lower("email"), name="users_email_ci", violation_error_code="unique"),
            models.CheckConstraint(
                condition=models.Q(is_guest=True) | models.Q(email__isnull=False), name="users_email_unless_guest"
            ),
        ]

    def clean(self) -> None:
        super().clean()
        self.email = self.email or None

    @property
    def is_expired_guest(self) -> bool:
        """A guest whose time is over."""
        return self.is_guest and self.guest_expires_at is not None and self.guest_expires_at <= timezone.now()


class UserProfile(TimestampedModel):
    """How a person appears and how dates are shown to them."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="profile")
    display_name = models.CharField(max_length=100, blank=True, validators=[validate_shown_name])
    avatar = models.ImageField(upload_to="avatars/%Y/%m/", blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=35, default="en")
    week_start = models.PositiveSmallIntegerField(choices=WeekStart.choices, default=WeekStart.MONDAY)
    social_handles = models.JSONField(default=dict, blank=True, validators=[JSONObjectValidator(max_bytes=2048, max_keys=20)])

    def __str__(self) -> str:
        return self.display_name or str(self.user_id)


class SessionQuerySet(models.QuerySet["Session"]):
    """Sign-ins."""

    def active(self, now: datetime | None = None) -> Self:
        """Neither revoked nor expired."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=now or timezone.now())

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(user_id=user_id)


class Session(UUIDModel):
    """A sign-in on one device: a family of refresh tokens of which exactly one can be used next.

    `refresh_digest` is the SHA-256 of the usable token's id; the token itself is never stored. A refresh is one conditional
    UPDATE on it, so of concurrent uses one wins.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_digest = models.BinaryField(max_length=32)
    previous_digest = models.BinaryField(max_length=32, null=True)
    rotated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    absolute_expires_at = models.DateTimeField()
    user_agent = models.CharField(max_length=255, blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=16, choices=RevocationReason.choices, blank=True)

    objects: ClassVar[Any] = SessionQuerySet.as_manager()

    class Meta:
        ordering = ("-last_used_at", "-id")
        indexes = [
            models.Index(fields=["user", "-last_used_at"], name="users_session_by_user"),
            models.Index(fields=["expires_at"], name="users_session_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.user_agent[:40] or 'session'} from {self.ip_address or 'unknown'}"

    @property
    def is_active(self) -> bool:
        """Whether it can still be used."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class OutgoingMail(UUIDModel):
    """A letter to be sent: written with the work that asks for it, so that no crash loses it. The token is made when sending.

    `context` holds what the text names besides the account.
    """

    kind = models.CharField(max_length=32, choices=MailKind.choices)
    context = models.JSONField(default=dict, blank=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="mails")
    to = models.EmailField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "letter"
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(sent_at__isnull=True), name="users_mail_waiting")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.to}"
