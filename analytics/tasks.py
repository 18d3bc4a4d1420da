"""Periodic work of the request log."""

from celery import shared_task

from analytics import housekeeping, partitions


@shared_task
def keep_partitions() -> dict[str, int]:
    """Make the coming days' partitions, drop the old ones."""
    made, dropped = partitions.keep()
    return {"made": len(made), "dropped": len(dropped)}


@shared_task
def purge_rollups() -> dict[str, int]:
    """Delete rollups past their grain's retention."""
    return housekeeping.purge()
