"""Files and links' previews."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from core.files import storage
from core.models import UUIDModel
from modules.chat.choices import FileKind, History, PreviewStatus
from modules.chat.models.message import Message
from modules.chat.models.room import Member, Room


class ChatFileQuerySet(models.QuerySet["ChatFile"]):
    """Files."""

    def visible_to(self, *, user_id: UUID) -> Self:
        """One's own that were not sent, and those of messages that one sees."""
        places = Member.objects.filter(room_id=OuterRef("room_id"), user_id=user_id, room__deleted_at=None)
        seen = places.filter(~Q(room__history=History.SINCE_JOINING) | Q(joined_at__lte=OuterRef("message__created_at")))
        return self.filter(Q(message=None, owner_id=user_id) | Q(Exists(seen), message__isnull=False, message__deleted_at=None))

    def abandon(self) -> int:
        """Make them nobody's: housekeeping removes what was stored, and then the rows; how many."""
        return self.update(owner=None, room=None, message=None)


class ChatFile(UUIDModel):
    """A file: uploaded first, then part of one message. What it is was told by its content.

    `size` in bytes; a picture has its `width` and `height` in pixels, a smaller copy in `thumbnail` and a `blurhash` to show
    until it is there. Its metadata is gone. One that has neither an owner nor a message is nobody's, and goes.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    room = models.ForeignKey(Room, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, related_name="files", db_index=False)
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=5, choices=FileKind.choices)
    file = models.FileField(storage=storage, max_length=200)
    thumbnail = models.FileField(storage=storage, max_length=200, blank=True)
    filename = models.CharField(max_length=120)
    mime_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    blurhash = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = ChatFileQuerySet.as_manager()

    class Meta:
        ordering = ("position", "id")
        verbose_name = "chat file"
        indexes = [
            models.Index(fields=["message", "position"], condition=Q(message__isnull=False), name="chat_file_of_message"),
            models.Index(fields=["created_at"], condition=Q(message=None), name="chat_file_unused"),
            models.Index(fields=["room", "-created_at"], condition=Q(room__isnull=False), name="chat_file_of_room"),
        ]

    def __str__(self) -> str:
        return self.filename


class LinkPreview(UUIDModel):
    """What a page says of itself, fetched once for everybody and a while. `url_digest` is the SHA-256 of the address."""

    url_digest = models.BinaryField(max_length=32, unique=True)
    url = models.CharField(max_length=2000)
    status = models.CharField(max_length=7, choices=PreviewStatus.choices, default=PreviewStatus.PENDING)
    title = models.CharField(max_length=300, blank=True)
    description = models.CharField(max_length=600, blank=True)
    site_name = models.CharField(max_length=100, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    fetched_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="chat_preview_due"),
            models.Index(fields=["created_at"], name="chat_preview_age"),
        ]

    def __str__(self) -> str:
        return self.url


class MessageLink(UUIDModel):
    """A link in a message that waits for its preview."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    preview = models.ForeignKey(LinkPreview, on_delete=models.CASCADE, related_name="links")

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["message", "preview"], name="chat_link_once")]

    def __str__(self) -> str:
        return str(self.message_id)
