"""Telling owners, once each, that a key ends soon or has used up its day's quota. The marks are in the key's row.

A notice is due when a term is crossed; `stage_of` marks at writing the terms that a key's end lies within from the beginning.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from api_keys.events import APIKeyExpiring, UsageQuotaReached
from api_keys.models import APIKey
from events import publish

# Days before the end, the longest first.
STAGES = (7, 1)
BATCH = 5000


def stage_of(expires_at: datetime | None, now: datetime | None = None) -> int | None:
    """The shortest term, in days, that `expires_at` lies within; None when it is farther than all of them."""
    if expires_at is None:
        return None
    left = expires_at - (now or timezone.now())
    return min((days for days in STAGES if left <= timedelta(days=days)), default=None)


def tell_expiring() -> int:
    """Publish `api_key.expiring` for keys that crossed a term, at most BATCH at a time; how many."""
    now = timezone.now()
    due = Q(expires_at__lte=now + timedelta(days=STAGES[0]), expiry_notice=None)
    for longer, days in pairwise(STAGES):
        due |= Q(expires_at__lte=now + timedelta(days=days), expiry_notice=longer)
    found = APIKey.objects.usable(now).filter(due, owner__is_active=True).order_by("expires_at", "pk")
    return sum(_tell_expiring(key_id) for key_id in list(found.values_list("pk", flat=True)[:BATCH]))


def _tell_expiring(key_id: UUID) -> bool:
    """One key in one transaction: a change, or another worker, may have been quicker."""
    with transaction.atomic():
        key: APIKey | None = APIKey.objects.usable().select_for_update(of=("self",)).filter(pk=key_id).first()
        days = stage_of(key.expires_at) if key is not None else None
        if key is None or key.expires_at is None or days is None or (key.expiry_notice is not None and key.expiry_notice <= days):
            return False
        APIKey.objects.filter(pk=key_id).update(expiry_notice=days)
        told = APIKeyExpiring(key.pk, key.owner_id, key.name, key.prefix, key.expires_at, days)
        publish(told, stream=f"user:{key.owner_id}")
    return True


def tell_quota_reached(key_id: UUID, day: date) -> bool:
    """Publish `usage.quota_reached` unless that was done for this key and day, or a later one; whether it did."""
    with transaction.atomic():
        untold = Q(quota_notice=None) | Q(quota_notice__lt=day)
        key: APIKey | None = APIKey.objects.select_for_update(of=("self",)).filter(untold, pk=key_id).first()
        if key is None or key.daily_quota is None:
            return False
        APIKey.objects.filter(pk=key_id).update(quota_notice=day)
        told = UsageQuotaReached(key.pk, key.owner_id, key.name, key.prefix, day, key.daily_quota)
        publish(told, stream=f"user:{key.owner_id}")
    return True
