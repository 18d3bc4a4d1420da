"""Periodic work of webhooks."""

from celery import shared_task

from webhooks import housekeeping


@shared_task
def purge() -> int:
    """Delete finished deliveries past retention."""
    return housekeeping.purge()


@shared_task
def sweep() -> int:
    """Cancel what is pending for endpoints that are off."""
    return housekeeping.sweep()
