"""Messages: what was written, how it was changed, who reacted and who was meant."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import UUIDModel
from modules.chat.models.room import Room

MAX_TEXT = 8000
MAX_FILES = 10
MAX_MENTIONS = 50
MAX_EMOJI = 64


class Message(UUIDModel):
    """One message. `number` is its place among the room's messages; of an answer in a thread, among those of `root`.

    `cid` is what its sender's client called it: the same twice from one sender in one room is one message. `author` is the name
    it was sent under where that is not its sender's: of an incoming webhook. `is_bot`: a key or a webhook wrote it. A deleted one
    stays as a tombstone without content. `reactions` counts them by emoji; `reply_count` and `last_reply_at` are of the thread it
    is the root of.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages", db_index=False)
    number = models.BigIntegerField()
    root = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="replies", db_index=False)
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    author = models.CharField(max_length=80, blank=True)
    is_bot = models.BooleanField(default=False)
    text = models.TextField(blank=True)
    cid = models.UUIDField(null=True)
    reply_to = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    mentions: "ArrayField[list[UUID], list[UUID]]" = ArrayField(models.UUIDField(), default=list)
    mentions_all = models.BooleanField(default=False)
    file_count = models.PositiveSmallIntegerField(default=0)
    reactions = models.JSONField(default=dict)
    previews = models.JSONField(default=list)
    reply_count = models.PositiveIntegerField(default=0)
    last_reply_at = models.DateTimeField(null=True)
    pinned_at = models.DateTimeField(null=True)
    pinned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "chat message"
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], condition=Q(root=None), name="chat_message_number"),
            models.UniqueConstraint(fields=["root", "number"], condition=Q(root__isnull=False), name="chat_reply_number"),
            models.UniqueConstraint(fields=["room", "sender", "cid"], condition=Q(cid__isnull=False), name="chat_message_once"),
        ]
        indexes = [
            models.Index(fields=["room", "-pinned_at"], condition=Q(pinned_at__isnull=False), name="chat_message_pinned"),
            models.Index(fields=["room", "created_at"], name="chat_message_age"),
            # What the end of an account looks for.
            models.Index(fields=["pinned_by"], condition=Q(pinned_by__isnull=False), name="chat_message_pinner"),
            models.Index(fields=["deleted_by"], condition=Q(deleted_by__isnull=False), name="chat_message_deleter"),
            # Django's SET_NULL looks for it when the answered one is deleted.
            models.Index(fields=["reply_to"], condition=Q(reply_to__isnull=False), name="chat_message_answers"),
            GinIndex(SearchVector("text", config="simple"), name="chat_message_words"),
            GinIndex(fields=["text"], opclasses=["gin_trgm_ops"], name="chat_message_like"),
        ]

    def __str__(self) -> str:
        return f"{self.number} in {self.room_id}"


class MessageEdit(UUIDModel):
    """What a message said before an edit."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="edits", db_index=False)
    text = models.TextField(blank=True)
    edited_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        indexes = [models.Index(fields=["message", "id"], name="chat_edit_list")]

    def __str__(self) -> str:
        return str(self.edited_at)


class Reaction(UUIDModel):
    """One person's emoji on one message."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    emoji = models.CharField(max_length=MAX_EMOJI)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["message", "user", "emoji"], name="chat_reaction_once")]

    def __str__(self) -> str:
        return self.emoji


class Mention(UUIDModel):
    """Somebody meant by a message; everybody in the room where `user` is none. `number` is of the message, or of its root."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    number = models.BigIntegerField()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["user", "room", "number"], name="chat_mention_unread"),
            models.Index(fields=["user", "-id"], name="chat_mention_list"),
            models.Index(fields=["room", "number"], condition=Q(user=None), name="chat_mention_all"),
            # PostgreSQL looks for it when a room is deleted.
            models.Index(fields=["room"], name="chat_mention_room"),
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class ThreadFollower(UUIDModel):
    """Somebody who follows a thread; `read_number` is the newest answer read."""

    root = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="followers", db_index=False)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    read_number = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=["root", "user"], name="chat_thread_follower_once")]
        indexes = [
            models.Index(fields=["user", "room"], name="chat_thread_mine"),
            models.Index(fields=["room"], name="chat_thread_room"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} of {self.root_id}"
