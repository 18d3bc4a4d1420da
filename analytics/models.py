"""The request log (partitioned by day), its rollups, usage per user and day, and how far each spool file is loaded.

Users and keys are kept by id, not by foreign key: the log outlives them and its load must not lock them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Cast
from django.utils import timezone

from analytics.choices import Cube, Period
from core.models import UUIDModel

NOBODY = UUID(int=0)
# A row's id is made in the same breath as its timestamp, by the same clock; this much apart they can be at most.
ID_SLACK = timedelta(seconds=10)


class APILogQuerySet(models.QuerySet["APILog"]):
    """Requests."""

    def visible_to(self, *, user_id: UUID, is_staff: bool) -> Self:
        """One's own; everyone's for staff."""
        return self if is_staff else self.filter(user_id=user_id)

    def with_request_id(self, request_id: str) -> Self:
        """Those with a request id: by an index where it came with the request, by the key where it is the row's own id."""
        foreign = models.Q(request_id=request_id) & ~models.Q(request_id=Cast("id", models.TextField()))
        window = _made_about(request_id)
        if window is None:
            return self.filter(foreign)
        own = models.Q(id=UUID(request_id), request_id=request_id, timestamp__range=window)
        return self.filter(foreign | own)


def _made_about(record_id: str) -> tuple[datetime, datetime] | None:
    """When a row with this id, written as the log writes its own, can have come; None for any other text."""
    try:
        key = UUID(record_id)
        if str(key) != record_id or key.version != 7:
            return None
        made = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
        return made - ID_SLACK, made + ID_SLACK
    except (ValueError, OverflowError):
        return None


class APILog(UUIDModel):
    """One answered API request. `endpoint` is the route template; times in microseconds, sizes in bytes.

    The table is partitioned by day of `timestamp`; its key there is (timestamp, id). Rows are written by the shipper only.
    """

    timestamp = models.DateTimeField()
    method = models.CharField(max_length=8)
    endpoint = models.CharField(max_length=200)
    status_code = models.PositiveSmallIntegerField()
    duration_us = models.BigIntegerField()
    bytes_in = models.BigIntegerField()
    bytes_out = models.BigIntegerField()
    ip_address = models.GenericIPAddressField(null=True)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64)
    module = models.CharField(max_length=40)

    objects: ClassVar[Any] = APILogQuerySet.as_manager()

    class Meta:
        ordering = ("-timestamp", "-id")
        verbose_name = "request"
        verbose_name_plural = "request log"

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.status_code}"


class Rollup(models.Model):
    """Sums of requests over a period and a cube's dimensions. Dimensions a cube lacks hold their neutral value.

    The latency histogram (see analytics.latency) is sparse: the buckets that are not empty and, in the same order, how many
    requests each has; null where the cube has none.
    """

    pk = models.CompositePrimaryKey("cube", "period", "start", "user_id", "api_key_id", "method", "endpoint", "status_class")
    cube = models.SmallIntegerField(choices=Cube.choices)
    period = models.SmallIntegerField(choices=Period.choices)
    start = models.DateTimeField()
    user_id = models.UUIDField(default=NOBODY)
    api_key_id = models.UUIDField(default=NOBODY)
    method = models.CharField(max_length=8, default="")
    endpoint = models.CharField(max_length=200, default="")
    status_class = models.SmallIntegerField(default=0)
    requests = models.BigIntegerField()
    bytes_in = models.BigIntegerField()
    bytes_out = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    latency_buckets = ArrayField(models.SmallIntegerField(), null=True)
    latency_counts = ArrayField(models.BigIntegerField(), null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["cube", "period", "user_id", "api_key_id", "start"],
                condition=~models.Q(user_id=NOBODY),
                name="analytics_rollup_by_user",
            ),
            # Who calls an endpoint.
            models.Index(
                fields=["endpoint", "period", "start"], condition=models.Q(cube=Cube.DETAIL), name="analytics_rollup_by_route"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_cube_display()} from {self.start:%Y-%m-%d %H:%M}"


class UsageStatsQuerySet(models.QuerySet["UsageStats"]):
    """Days of use."""

    def visible_to(self, *, user_id: UUID, is_staff: bool) -> Self:
        """One's own; everyone's for staff."""
        return self if is_staff else self.filter(user_id=user_id)


class UsageStats(UUIDModel):
    """One user's use on one UTC day.

    `messages_sent` and `media_sent` are exact, change in the transaction that sends, and are counted by the day of the user's own
    time zone; the rest follows the request log.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_constraint=False, related_name="usage_stats")
    date = models.DateField()
    messages_sent = models.PositiveBigIntegerField(default=0)
    media_sent = models.PositiveBigIntegerField(default=0)
    api_requests = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    bytes_in = models.PositiveBigIntegerField(default=0)
    bytes_out = models.PositiveBigIntegerField(default=0)
    modules = models.JSONField(default=dict, help_text="Requests by API module.")

    objects: ClassVar[Any] = UsageStatsQuerySet.as_manager()

    class Meta:
        ordering = ("-date", "-id")
        verbose_name = "usage of a day"
        verbose_name_plural = "usage statistics"
        constraints = [models.UniqueConstraint(fields=["user", "date"], name="analytics_usage_once")]
        indexes = [models.Index(fields=["-date", "-id"], name="analytics_usage_by_date")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.date}"


class SpoolFile(models.Model):
    """How far a spool file is loaded. Written in the loading transaction, so that each row is loaded exactly once."""

    name = models.CharField(max_length=80, primary_key=True)
    offset = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    rejected_rows = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.name
