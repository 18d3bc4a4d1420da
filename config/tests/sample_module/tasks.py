"""The module's periodic work."""

from celery import shared_task

from core.redis import client

CALLS = "atelier:echoes:calls"


@shared_task
def call() -> None:
    """Leave a trace that the view shows."""
    client().incr(CALLS)
