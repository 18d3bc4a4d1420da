"""The people at the other end."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from core.models import TimestampedModel, UUIDModel
from modules.whatsapp.choices import OptOutSource
from modules.whatsapp.models.session import WhatsAppSession


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """Those of one's own sessions."""
        return self.filter(session__user_id=user_id)

    def opted_out(self) -> Self:
        """Who is not to be written to."""
        return self.filter(opted_out_at__isnull=False)


class Contact(UUIDModel, TimestampedModel):
    """Somebody a session writes to or hears from: when last, under which id at the gateway, and whether they opted out."""

    session = models.ForeignKey(WhatsAppSession, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    phone_number = models.CharField(max_length=64)
    chat_id = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=100, blank=True)
    last_outbound_at = models.DateTimeField(null=True)
    last_inbound_at = models.DateTimeField(null=True)
    opted_out_at = models.DateTimeField(null=True)
    opt_out_source = models.CharField(max_length=8, choices=OptOutSource.choices, blank=True)

    objects: ClassVar[Any] = ContactQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_at", "-id")
        constraints = [models.UniqueConstraint(fields=["session", "phone_number"], name="whatsapp_contact_once")]
        indexes = [
            models.Index(fields=["session", "-updated_at", "-id"], name="whatsapp_contact_recent"),
            models.Index(
                fields=["session", "-opted_out_at", "-id"], condition=Q(opted_out_at__isnull=False), name="whatsapp_opted_out"
            ),
            models.Index(fields=["session", "chat_id"], condition=~Q(chat_id=""), name="whatsapp_contact_by_chat"),
        ]

    def __str__(self) -> str:
        return self.phone_number
