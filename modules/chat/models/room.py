"""Rooms, who is in them, and who must stay out."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from core.models import TimestampedModel, UUIDModel
from modules.chat.choices import History, JoinRule, Level, Role, RoomKind

MAX_NAME = 80
MAX_TOPIC = 500
# Kinds that may be found.
OPEN_KINDS = (RoomKind.PUBLIC, RoomKind.BROADCAST)


class RoomQuerySet(models.QuerySet["Room"]):
    """Rooms."""

    def of_member(self, user_id: UUID) -> Self:
        """Those somebody is in."""
        return self.filter(members__user_id=user_id, deleted_at=None)

    def found_by(self, *, user_id: UUID) -> Self:
        """Those that somebody may find: public rooms, and channels that are open or take requests.

        Guests find none, and nobody finds one where one was banned.
        """
        return self.filter(_found(user_id), deleted_at=None)

    def visible_to(self, *, user_id: UUID) -> Self:
        """Those one is in, and those one may find."""
        mine = Exists(Member.objects.filter(room=OuterRef("pk"), user_id=user_id))
        return self.filter(Q(mine) | _found(user_id), deleted_at=None)


def _open() -> Q:
    return Q(kind__in=OPEN_KINDS, archived_at=None) & (Q(kind=RoomKind.PUBLIC) | ~Q(join_rule=JoinRule.INVITE))


def _found(user_id: UUID) -> Q:
    account = get_user_model()._default_manager.filter(pk=user_id, is_guest=False)
    banned = Ban.objects.standing().filter(room=OuterRef("pk"), user_id=user_id)
    return _open() & Q(Exists(account)) & ~Q(Exists(banned))


class Room(UUIDModel, TimestampedModel):
    """A room. Its row is locked while a message is taken, so messages are numbered without gaps in the order of their commits.

    `last_number` is the number of its newest message; `slow_mode_seconds` is the pause between two messages of one member;
    `retention_days` is how long messages are kept (none: for ever). `direct_key` names the two people of a direct room. A deleted
    room is gone for everybody at once; its rows follow in small batches.
    """

    kind = models.CharField(max_length=9, choices=RoomKind.choices)
    name = models.CharField(max_length=MAX_NAME, blank=True)
    topic = models.CharField(max_length=MAX_TOPIC, blank=True)
    join_rule = models.CharField(max_length=7, choices=JoinRule.choices, default=JoinRule.INVITE)
    history = models.CharField(max_length=13, choices=History.choices, default=History.ALL)
    slow_mode_seconds = models.PositiveIntegerField(default=0)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    direct_key = models.CharField(max_length=80, null=True, blank=True, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    member_count = models.PositiveIntegerField(default=0)
    last_number = models.BigIntegerField(default=0)
    last_message_at = models.DateTimeField(null=True, blank=True)
    paced_until = models.DateTimeField(null=True, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = RoomQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="chat_room_newest"),
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(kind__in=("public", "broadcast"), archived_at=None, deleted_at=None),
                name="chat_room_discover",
            ),
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="chat_room_name_like"),
            models.Index(fields=["id"], condition=Q(retention_days__isnull=False), name="chat_room_retention"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="chat_room_deleted"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="direct", direct_key__isnull=False) | (~Q(kind="direct") & Q(direct_key=None)),
                name="chat_direct_has_key",
            ),
            models.CheckConstraint(condition=Q(kind="direct") | ~Q(name=""), name="chat_room_has_name"),
            models.CheckConstraint(condition=Q(slow_mode_seconds__lte=21_600), name="chat_slow_mode_bound"),
            models.CheckConstraint(
                condition=Q(retention_days=None) | Q(retention_days__gte=1, retention_days__lte=36_500),
                name="chat_retention_bound",
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"direct {self.pk}"


class Member(UUIDModel):
    """Somebody in a room.

    `joined_number` and `joined_seq` are where its messages and its stream stood then; `read_number` is the newest message read.
    `muted_until` is a moderator's word; `last_sent_at` is for slow mode, `paced_until` for the limit.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_memberships", db_index=False)
    role = models.CharField(max_length=9, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    joined_number = models.BigIntegerField(default=0)
    joined_seq = models.BigIntegerField(default=0)
    read_number = models.BigIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    paced_until = models.DateTimeField(null=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.ALL)
    is_favourite = models.BooleanField(default=False)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("joined_at", "id")
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="chat_member_once")]
        indexes = [
            models.Index(fields=["user", "room"], name="chat_member_rooms"),
            models.Index(fields=["room", "joined_at", "id"], name="chat_member_list"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"

    @property
    def is_muted(self) -> bool:
        """Whether a moderator's word still holds."""
        return self.muted_until is not None and self.muted_until > timezone.now()


class BanQuerySet(models.QuerySet["Ban"]):
    """Bans."""

    def standing(self) -> Self:
        """Those that are not over."""
        return self.filter(Q(until=None) | Q(until__gt=timezone.now()))


class Ban(UUIDModel):
    """Somebody who must stay out of a room, for good or `until`."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="bans", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    banned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=200, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = BanQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="chat_ban_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"
