"""Periodic and enqueued work of API keys. Each can run twice, and calls a worker module."""

from datetime import date
from uuid import UUID

from celery import shared_task

from api_keys import notices


@shared_task
def tell_expiring() -> int:
    """Tell the owners of keys that end soon."""
    return notices.tell_expiring()


@shared_task
def tell_quota_reached(key_id: str, day: str) -> bool:
    """Tell the owner of a key whose quota of `day` (ISO 8601) is used up."""
    return notices.tell_quota_reached(UUID(key_id), date.fromisoformat(day))
