"""Periodic work of chat."""

from celery import shared_task

from modules.chat import housekeeping


@shared_task
def purge() -> dict[str, int]:
    """Delete what is past its time; how many rows of each sort."""
    return housekeeping.purge()


@shared_task
def sweep_files() -> int:
    """Remove what is stored of uploads that were broken off."""
    return housekeeping.sweep_files()
