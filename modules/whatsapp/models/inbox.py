"""What gateways told us, as they told it."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import UUIDModel
from modules.whatsapp.choices import Driver
from modules.whatsapp.models.session import WhatsAppSession


class InboundEvent(UUIDModel):
    """One call of a gateway (or one word of the sandbox), taken down at once and worked off later, once.

    `event_id` is the gateway's; what comes twice is dropped by it. `due_at` lies ahead where the sandbox plays a phone.
    """

    session = models.ForeignKey(WhatsAppSession, on_delete=models.CASCADE, related_name="inbound_events", db_index=False)
    driver = models.CharField(max_length=16, choices=Driver.choices)
    event_id = models.CharField(max_length=128)
    payload = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-received_at", "-id")
        verbose_name = "gateway event"
        constraints = [models.UniqueConstraint(fields=["session", "event_id"], name="whatsapp_event_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(processed_at__isnull=True), name="whatsapp_inbox_due"),
            models.Index(
                fields=["session", "due_at", "id"], condition=Q(processed_at__isnull=True), name="whatsapp_inbox_session"
            ),
            models.Index(fields=["processed_at"], condition=Q(processed_at__isnull=False), name="whatsapp_inbox_done"),
            models.Index(fields=["-received_at", "-id"], name="whatsapp_inbox_newest"),
        ]

    def __str__(self) -> str:
        return self.event_id
