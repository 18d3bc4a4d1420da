"""Messages, which are also the queue; bulks of them; and the attempts that did not go well."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import TimestampedModel, UUIDModel
from modules.whatsapp.choices import BulkStatus, Direction, Driver, MessageStatus, MessageType
from modules.whatsapp.models.media import Media
from modules.whatsapp.models.session import WhatsAppSession

MAX_TEXT = 4096
MAX_CAPTION = 1024


class BulkQuerySet(models.QuerySet["Bulk"]):
    """Bulks."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(user_id=user_id)


class Bulk(UUIDModel, TimestampedModel):
    """One text to many. `rejected` says of each refused recipient at which place it stood and why."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="whatsapp_bulks", db_index=False)
    session = models.ForeignKey(WhatsAppSession, on_delete=models.CASCADE, related_name="bulks")
    status = models.CharField(max_length=9, choices=BulkStatus.choices, default=BulkStatus.RUNNING)
    name = models.CharField(max_length=100, blank=True)
    accepted = models.PositiveIntegerField(default=0)
    rejected = models.JSONField(default=list)
    rejected_count = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = BulkQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="whatsapp_bulk_list"),
            models.Index(fields=["created_at"], condition=Q(status="running"), name="whatsapp_bulk_running"),
        ]

    def __str__(self) -> str:
        return self.name or f"bulk {self.pk}"


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(user_id=user_id)


class Message(UUIDModel):
    """One message. An outbound one is its own place in the queue.

    `recipient` is the other party, also of an inbound message. `position` is when it was to be sent when it was accepted:
    messages to one recipient go out in its order. `next_attempt_at` is when it is due while it is queued; `lease_until` is when
    a sender that took it is taken for dead. `client_message_id` is the id we give it at gateways that take one, `provider_id`
    what the gateway calls it. `quota_day` is the day of its owner it was counted on, null when that was given back or never was.
    `is_held` keeps it off the queue (its bulk is paused). `may_be_sent` says that an attempt ended without anybody
    knowing. It goes by `driver` or not at all: a session may have another one by now.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="whatsapp_messages", db_index=False)
    session = models.ForeignKey(WhatsAppSession, on_delete=models.CASCADE, related_name="messages", db_index=False)
    bulk = models.ForeignKey(Bulk, on_delete=models.SET_NULL, null=True, related_name="messages", db_index=False)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.OUTBOUND)
    recipient = models.CharField(max_length=64)
    message_type = models.CharField(max_length=8, choices=MessageType.choices, default=MessageType.TEXT)
    content = models.TextField(blank=True)
    template = models.JSONField(null=True)
    media = models.ForeignKey(Media, on_delete=models.SET_NULL, null=True, related_name="messages")
    reply_to = models.CharField(max_length=128, blank=True)
    client_reference = models.CharField(max_length=100, blank=True)
    driver = models.CharField(max_length=16, choices=Driver.choices, default=Driver.SANDBOX)
    is_sandbox = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    send_at = models.DateTimeField(null=True)
    position = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    is_held = models.BooleanField(default=False)
    may_be_sent = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    client_message_id = models.CharField(max_length=128, blank=True)
    provider_id = models.CharField(max_length=128, blank=True)
    quota_day = models.DateField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "WhatsApp message"
        indexes = [
            models.Index(fields=["session", "next_attempt_at"], condition=Q(status="queued", is_held=False), name="whatsapp_due"),
            models.Index(
                fields=["session", "recipient", "position", "id"],
                condition=Q(status__in=("queued", "sending"), is_held=False),
                name="whatsapp_lane",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="sending"), name="whatsapp_leases"),
            models.Index(fields=["session", "-created_at", "-id"], name="whatsapp_list"),
            models.Index(fields=["session", "recipient", "-created_at", "-id"], name="whatsapp_conversation"),
            models.Index(fields=["session", "-created_at", "-id"], condition=Q(direction="inbound"), name="whatsapp_received"),
            models.Index(
                fields=["session", "message_type", "-created_at", "-id"],
                condition=~Q(message_type="text"),
                name="whatsapp_by_type",
            ),
            models.Index(
                fields=["session", "status", "-created_at", "-id"],
                condition=Q(status__in=("queued", "sending", "failed", "unknown", "cancelled")),
                name="whatsapp_by_status",
            ),
            models.Index(fields=["session", "client_reference"], condition=~Q(client_reference=""), name="whatsapp_by_reference"),
            models.Index(
                fields=["session", "client_message_id"], condition=~Q(client_message_id=""), name="whatsapp_by_client_id"
            ),
            models.Index(fields=["expires_at"], condition=Q(status="queued"), name="whatsapp_expiring"),
            models.Index(fields=["bulk", "status"], condition=Q(bulk__isnull=False), name="whatsapp_by_bulk"),
            models.Index(fields=["-created_at", "-id"], name="whatsapp_newest"),
        ]
        constraints = [
            # A gateway's word for a message means one.
            models.UniqueConstraint(
                fields=["session", "provider_id"], condition=~Q(provider_id=""), name="whatsapp_provider_once"
            ),
            models.CheckConstraint(
                condition=Q(direction="inbound", status="received") | (Q(direction="outbound") & ~Q(status="received")),
                name="whatsapp_inbound_is_received",
            ),
            models.CheckConstraint(
                condition=Q(status="sending", lease_until__isnull=False) | (~Q(status="sending") & Q(lease_until__isnull=True)),
                name="whatsapp_sending_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_message_type_display()} {self.recipient}"


class MessageAttempt(models.Model):
    """An attempt after which a message was not sent, or nobody knows."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempt_log", db_index=False)
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    error_code = models.CharField(max_length=64)
    error_message = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("number",)
        verbose_name = "attempt"
        constraints = [models.UniqueConstraint(fields=["message", "number"], name="whatsapp_attempt_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.error_code}"
