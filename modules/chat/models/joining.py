"""Ways in: links, invitations and requests, and webhooks that write."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core.models import UUIDModel
from modules.chat.choices import AdmissionKind, AdmissionStatus, Role
from modules.chat.models.room import MAX_NAME, Room


class InviteLinkQuerySet(models.QuerySet["InviteLink"]):
    """Links."""

    def usable(self) -> Self:
        """Neither revoked, nor expired, nor used up."""
        now = timezone.now()
        left = Q(max_uses=None) | Q(uses__lt=F("max_uses"))
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), left, revoked_at=None)


class InviteLink(UUIDModel):
    """A link that lets in whoever has it, as `role`. Of its token only the SHA-256 is kept."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="links", db_index=False)
    digest = models.BinaryField(max_length=32, unique=True)
    role = models.CharField(max_length=9, choices=Role.choices, default=Role.MEMBER)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    uses = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = InviteLinkQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["room", "-created_at", "-id"], name="chat_link_list")]
        constraints = [
            models.CheckConstraint(condition=Q(max_uses=None) | Q(uses__lte=F("max_uses")), name="chat_link_uses"),
            models.CheckConstraint(condition=Q(role__in=("member", "guest", "read_only")), name="chat_link_role"),
        ]

    def __str__(self) -> str:
        return f"{self.role} link of {self.room_id}"


class Admission(UUIDModel):
    """An invitation to somebody, or somebody's request; at most one of them is pending for a person and a room."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="admissions", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=AdmissionKind.choices)
    status = models.CharField(max_length=9, choices=AdmissionStatus.choices, default=AdmissionStatus.PENDING)
    role = models.CharField(max_length=9, choices=Role.choices, default=Role.MEMBER)
    note = models.CharField(max_length=200, blank=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["room", "kind", "-created_at", "-id"], name="chat_admission_list"),
            models.Index(fields=["user", "-created_at", "-id"], name="chat_admission_mine"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], condition=Q(status="pending"), name="chat_admission_pending"),
            models.CheckConstraint(condition=~Q(role__in=("owner", "guest")), name="chat_admission_role"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.user_id}"


class IncomingWebhook(UUIDModel):
    """An address that writes into a room under a name of its own. Of its token only the SHA-256 is kept."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="incoming_webhooks", db_index=False)
    name = models.CharField(max_length=MAX_NAME)
    digest = models.BinaryField(max_length=32, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["room", "-created_at", "-id"], name="chat_webhook_list")]

    def __str__(self) -> str:
        return self.name
