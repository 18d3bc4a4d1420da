"""A WhatsApp account as linked by a user."""

import json
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core import crypto
from core.fields import EncryptedField
from core.models import TimestampedModel, UUIDModel
from modules.whatsapp.choices import Driver, Environment, SessionStatus, Wish


class WhatsAppSessionQuerySet(models.QuerySet["WhatsAppSession"]):
    """Sessions."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(user_id=user_id)

    def of(self, *, user_id: UUID, environment: str) -> Self:
        """The one of an account for live or for test keys."""
        return self.filter(user_id=user_id, environment=environment)


class WhatsAppSession(UUIDModel, TimestampedModel):
    """One account's link to WhatsApp: one for live keys and people, and one for test keys, which is always a sandbox.

    `wish` is what the owner asked for, `status` where it stands; the keeper (modules.whatsapp.keeping) brings the second to
    the first and looks again at `care_due_at`. `paced_until` is the theoretical arrival time of a token bucket, `ready_at` when
    it has a token again, `paused_until` until when nothing is sent at all. `routing_id` is what the gateway calls the number in
    its calls to us. `code_since` is since when a code waits to be scanned: gateways fail and start anew meanwhile. What the
    driver needs to know is encrypted in `credentials`.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="whatsapp_sessions")
    environment = models.CharField(max_length=4, choices=Environment.choices, default=Environment.LIVE)
    driver = models.CharField(max_length=16, choices=Driver.choices, default=Driver.SANDBOX)
    status = models.CharField(max_length=16, choices=SessionStatus.choices, default=SessionStatus.DISCONNECTED)
    status_reason = models.CharField(max_length=64, blank=True)
    status_detail = models.CharField(max_length=255, blank=True)
    status_changed_at = models.DateTimeField(default=timezone.now)
    wish = models.CharField(max_length=10, choices=Wish.choices, default=Wish.STOPPED)
    restart_wanted = models.BooleanField(default=False)
    is_suspended = models.BooleanField(default=False, help_text="The kill switch: nothing is sent, and the owner cannot connect.")
    credentials = EncryptedField(null=True, editable=False)
    routing_id = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - unique where there is one
    options = models.JSONField(default=dict, blank=True, help_text="How the sandbox behaves.")
    qr_code = models.TextField(blank=True)
    pairing_number = models.CharField(max_length=16, blank=True)
    pairing_code = models.CharField(max_length=16, blank=True)
    code_since = models.DateTimeField(null=True, blank=True)
    phone_number = models.CharField(max_length=16, blank=True)
    display_name = models.CharField(max_length=100, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_active_at = models.DateTimeField(null=True, blank=True)
    messages_per_second = models.FloatField(null=True, blank=True, help_text="Empty: what suits the driver.")
    burst = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: what suits the driver.")
    paced_until = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(default=timezone.now)
    paused_until = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=64, blank=True)
    care_due_at = models.DateTimeField(null=True, blank=True)
    care_failures = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = WhatsAppSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "WhatsApp session"
        constraints = [
            models.UniqueConstraint(fields=["user", "environment"], name="whatsapp_session_once"),
            models.UniqueConstraint(fields=["driver", "routing_id"], name="whatsapp_session_routing"),
            models.CheckConstraint(condition=Q(environment="live") | Q(driver="sandbox"), name="whatsapp_test_is_sandbox"),
        ]
        indexes = [
            models.Index(fields=["care_due_at"], condition=Q(care_due_at__isnull=False), name="whatsapp_session_care"),
        ]

    def __str__(self) -> str:
        return self.phone_number or self.gateway_name

    @property
    def gateway_name(self) -> str:
        """What the session is called at a gateway."""
        return f"atl_{self.pk.hex}"

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing leaves the house."""
        return self.driver == Driver.SANDBOX

    @property
    def secrets(self) -> dict[str, str]:
        """What the driver needs to know; empty when it cannot be decrypted any more."""
        plain = crypto.decrypt(bytes(self.credentials)) if self.credentials is not None else None
        found: dict[str, str] = json.loads(plain) if plain is not None else {}
        return found
