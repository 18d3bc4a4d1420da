"""Periodic work of WhatsApp. Sending is the relay's: a slow gateway would hold a worker's slot."""

from celery import shared_task

from modules.whatsapp import housekeeping


@shared_task
def sweep() -> int:
    """Fail what waited too long, and end bulks that are done."""
    return housekeeping.expire() + housekeeping.finish()


@shared_task
def purge() -> int:
    """Remove files and rows past their retention."""
    return housekeeping.purge()
