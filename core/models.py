"""Base models, and the kernel's own two tables: the audit trail and idempotency records."""

from typing import Any

from django.db import models
from django.utils import timezone

from core.fields import EncryptedField
from core.ids import uuid7


class UUIDModel(models.Model):
    """A row with a UUIDv7 key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TimestampedModel(models.Model):
    """A row that knows when it was made and last changed (UTC)."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class SoftDeleteQuerySet(models.QuerySet[Any]):
    """Rows that are kept after deletion."""

    def alive(self) -> "SoftDeleteQuerySet":
        """The rows that are not deleted."""
        return self.filter(deleted_at__isnull=True)


class SoftDeleteModel(models.Model):
    """A row that is marked, not removed, when deleted."""

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)

    objects = SoftDeleteQuerySet.as_manager()

    class Meta:
        abstract = True


class AuditEntry(UUIDModel):
    """Who did what to which thing, when. Append-only: a trigger refuses UPDATE and DELETE.

    The actor is kept by id and name, not by foreign key, so that the entry outlives the account.
    """

    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    action = models.CharField(max_length=64, db_index=True)
    actor_id = models.UUIDField(null=True, db_index=True)
    actor_label = models.CharField(max_length=254, blank=True)
    via = models.CharField(max_length=64, blank=True, help_text="The credential: session, api_key:<id>, admin, system.")
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64, db_index=True)
    target_label = models.CharField(max_length=254, blank=True)
    changes = models.JSONField(default=dict)
    ip_address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_label or self.target_id}"


class IdempotencyRecord(UUIDModel):
    """The first final answer to a request that carried an Idempotency-Key, kept for a day.

    Written in the transaction of the work itself. The body is encrypted: it may hold a key that is shown once.
    """

    caller = models.CharField(max_length=64)
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status_code = models.PositiveSmallIntegerField()
    body = EncryptedField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "method", "route", "key"], name="core_idempotency_once"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"
