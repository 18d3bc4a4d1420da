"""The log's rows. They are written by events.publishing alone, in single statements; these models read them."""

from django.db import models


class Stream(models.Model):
    """The head of one stream: its row is locked while a transaction publishes to it, so its seq has no gaps.

    `epoch` changes only when a restore or an import made positions of before meaningless.
    """

    key = models.CharField(max_length=96, primary_key=True)
    epoch = models.CharField(max_length=16)
    seq = models.BigIntegerField()

    def __str__(self) -> str:
        return self.key


class Event(models.Model):
    """One event. The table is partitioned by day of `created_at`; its key in the database is (stream, seq, created_at)."""

    id = models.UUIDField(primary_key=True, editable=False)
    stream = models.CharField(max_length=96)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=64)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.type} {self.stream} {self.seq}"


class PendingEvent(models.Model):
    """An event that its consumers (webhooks) have not taken yet: written with it, deleted by the relay with their rows."""

    event_id = models.UUIDField(primary_key=True)
    stream = models.CharField(max_length=96)
    seq = models.BigIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.event_id)


class LogState(models.Model):
    """The one row that names the epoch in which new streams begin."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=16)

    def __str__(self) -> str:
        return self.epoch
