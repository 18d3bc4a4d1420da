"""API keys."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from api_keys.choices import Environment
from core.models import TimestampedModel, UUIDModel
from core.validators import JSONObjectValidator


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    """Keys."""

    def visible_to(self, *, user_id: UUID, is_staff: bool) -> Self:
        """One's own; everyone's for staff."""
        return self if is_staff else self.filter(owner_id=user_id)

    def alive(self, now: datetime | None = None) -> Self:
        """Not revoked, not expired."""
        return self.filter(
            models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now or timezone.now()), revoked_at__isnull=True
        )

    def usable(self, now: datetime | None = None) -> Self:
        """Alive and switched on."""
        return self.alive(now).filter(is_active=True)


class APIKey(UUIDModel, TimestampedModel):
    """A key of one owner. Only a digest is stored; the raw key is shown once, when made.

    `is_active` can be switched; `revoked_at` is final. `rate_limit` is in requests a minute, `daily_quota` in requests a UTC day.
    """

    name = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", editable=False
    )
    digest = models.CharField(max_length=100, unique=True, editable=False)
    prefix = models.CharField(max_length=20, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    environment = models.CharField(max_length=4, choices=Environment.choices, default=Environment.LIVE)
    scopes = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    allowed_networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)]
    )
    daily_quota = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(2_000_000_000)]
    )
    metadata = models.JSONField(default=dict, blank=True, validators=[JSONObjectValidator()])
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)
    # What the owner was told: less than so many days are left; the last day whose quota was used up.
    expiry_notice = models.PositiveSmallIntegerField(null=True, editable=False)
    quota_notice = models.DateField(null=True, editable=False)
    replaced_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+")

    objects: ClassVar[Any] = APIKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="api_keys_by_owner"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False, revoked_at__isnull=True),
                name="api_keys_by_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.masked})"

    @property
    def masked(self) -> str:
        """What may be shown of the key."""
        return f"{self.prefix}…{self.last_four}"

    @property
    def status(self) -> str:
        """`active`, `inactive`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active" if self.is_active else "inactive"
