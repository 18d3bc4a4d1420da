"""Webhook endpoints, their deliveries and attempts."""

from datetime import datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core import crypto
from core.fields import EncryptedField
from core.models import TimestampedModel, UUIDModel
from webhooks.choices import AttemptError, Audience, DeliveryStatus, DisabledReason

MAX_URL = 2000


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Endpoints."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(owner_id=user_id)

    def sending(self) -> Self:
        """Switched on, of an active owner who may have what it asks for."""
        may = Q(audience=Audience.OWN) | Q(owner__is_staff=True)
        return self.filter(may, is_active=True, owner__is_active=True)


class WebhookEndpoint(UUIDModel, TimestampedModel):
    """Where one owner's events are sent. The secrets are encrypted; the raw one is shown once, when made.

    `event_types` holds names (`user.created`), prefixes (`user.*`) or `*`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=MAX_URL)
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(models.CharField(max_length=64))
    audience = models.CharField(max_length=8, choices=Audience.choices, default=Audience.OWN)
    secret = EncryptedField(editable=False)
    previous_secret = EncryptedField(null=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, editable=False)
    is_active = models.BooleanField(default=True, editable=False)
    disabled_reason = models.CharField(max_length=8, choices=DisabledReason.choices, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[Any] = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "webhook endpoint"
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="webhooks_by_owner"),
            models.Index(fields=["audience"], condition=Q(audience="platform"), name="webhooks_platform"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_reason="", disabled_at__isnull=True)
                | (Q(is_active=False, disabled_at__isnull=False) & ~Q(disabled_reason="")),
                name="webhooks_disabled_says_why",
            )
        ]

    def __str__(self) -> str:
        return self.shown_url

    @property
    def shown_url(self) -> str:
        """The URL without its query, which may hold a credential of the receiver's."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    def keys(self, now: datetime) -> list[bytes]:
        """What deliveries are signed with, the current first; none when the secret cannot be decrypted any more."""
        boxes = [bytes(self.secret)]
        if self.previous_secret is not None and self.previous_secret_expires_at is not None:
            boxes += [bytes(self.previous_secret)] if self.previous_secret_expires_at > now else []
        return [key for key in map(crypto.decrypt, boxes) if key is not None]


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Deliveries."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """Those of one's own endpoints."""
        return self.filter(endpoint__owner_id=user_id)


class WebhookDelivery(UUIDModel):
    """One event on its way to one endpoint. `body` is the very text that is signed and sent.

    `attempts` counts all, `tries` those of the present round, which a replay begins anew. While a delivery is pending,
    `next_attempt_at` says when it is due; a sender that takes it moves that beyond the longest attempt, so that what a killed
    sender held becomes due by itself.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=64)
    body = models.TextField()
    status = models.CharField(max_length=9, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_status_code = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=32, choices=AttemptError.choices, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    is_test = models.BooleanField(default=False)

    objects: ClassVar[Any] = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["endpoint", "next_attempt_at"], condition=Q(status="pending"), name="webhooks_due"),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="webhooks_log"),
            models.Index(fields=["-created_at", "-id"], name="webhooks_newest"),
            models.Index(fields=["event_id"], name="webhooks_by_event"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="webhooks_finished"),
        ]
        constraints = [
            # The relay may hand an event over twice; it is delivered once.
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhooks_event_once"),
            models.CheckConstraint(
                condition=Q(status="pending", finished_at__isnull=True) | (~Q(status="pending") & Q(finished_at__isnull=False)),
                name="webhooks_pending_or_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.pk}"


class WebhookAttempt(models.Model):
    """One request to a receiver: what was sent with it, what came back. `response_head` is at most the first KiB."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempt_log", db_index=False)
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=32, choices=AttemptError.choices, blank=True)
    request_headers = models.JSONField(default=dict)
    response_head = models.TextField(blank=True)

    class Meta:
        ordering = ("number",)
        verbose_name = "webhook attempt"
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhooks_attempt_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.status_code or self.error}"
