"""The kernel's periodic tasks: the worker's heartbeat and the purge of old idempotency records."""

from celery import shared_task

from core import broker, idempotency
from core import heartbeat as worker_heartbeat


@shared_task
def heartbeat() -> None:
    """Say that beat, broker and worker are alive, and note how much waits."""
    worker_heartbeat.beat()
    broker.sample()


@shared_task
def purge_idempotency_records() -> int:
    """Delete idempotency records past their day."""
    return idempotency.purge()
