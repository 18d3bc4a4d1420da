"""What the bare view inserts: a message's text in a table with a key and one index. It belongs to no app and has no migration."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from core.models import UUIDModel


class Row(UUIDModel):
    """One row."""

    user_id = models.UUIDField()
    recipient = models.CharField(max_length=64)
    content = models.TextField()
    status = models.CharField(max_length=9, default="queued")
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        app_label = "bench"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user_id", "-created_at", "-id"], name="bench_row_list")]

    def __str__(self) -> str:
        return self.recipient
