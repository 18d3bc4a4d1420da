"""Periodic work of the event log."""

from celery import shared_task

from events import partitions


@shared_task
def keep_partitions() -> dict[str, int]:
    """Make the coming days' partitions, drop the old ones."""
    made, dropped = partitions.keep()
    return {"made": len(made), "dropped": len(dropped)}
