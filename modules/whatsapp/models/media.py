"""Files that are sent or came in."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.files import FileKind, storage
from core.models import UUIDModel
from modules.whatsapp.choices import MediaStatus
from modules.whatsapp.models.session import WhatsAppSession

MAX_URL = 2000


class MediaQuerySet(models.QuerySet["Media"]):
    """Files."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own."""
        return self.filter(user_id=user_id)


class Media(UUIDModel):
    """A file: checked by its content, kept until its retention ends. One that is to be fetched is `pending` until it is here.

    `session` is the one whose gateway has it, where it came in; `due_at` is when a pending one is to be fetched.
    `size` in bytes; `mime_type` is what the content is, whatever its sender said.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="whatsapp_media", db_index=False)
    kind = models.CharField(max_length=8, choices=FileKind.choices)
    session = models.ForeignKey(WhatsAppSession, on_delete=models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=8, choices=MediaStatus.choices, default=MediaStatus.READY)
    error_code = models.CharField(max_length=64, blank=True)
    source_url = models.CharField(max_length=MAX_URL, blank=True)
    file = models.FileField(storage=storage, max_length=200, blank=True)
    filename = models.CharField(max_length=120, blank=True)
    mime_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[Any] = MediaQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "WhatsApp file"
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="whatsapp_media_list"),
            models.Index(fields=["created_at"], condition=~Q(file=""), name="whatsapp_media_kept"),
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="whatsapp_media_due"),
        ]

    def __str__(self) -> str:
        return self.filename or str(self.pk)
