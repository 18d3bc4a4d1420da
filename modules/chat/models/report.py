"""What members report to those who look after a room."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import UUIDModel
from modules.chat.choices import ReportReason, ReportStatus
from modules.chat.models.message import Message
from modules.chat.models.room import Room


class Report(UUIDModel):
    """A report of a message; `text` is what the message said then. One of each person for each message."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="reports", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+", db_index=False)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=7, choices=ReportReason.choices)
    note = models.CharField(max_length=500, blank=True)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=9, choices=ReportStatus.choices, default=ReportStatus.OPEN)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    handled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["message", "reporter"], name="chat_report_once")]
        indexes = [
            models.Index(fields=["room", "-created_at", "-id"], name="chat_report_list"),
            models.Index(fields=["-created_at", "-id"], condition=Q(status="open"), name="chat_report_open"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.message_id}"
