"""Ringing a task after the commit. The row is the truth: a lost ring is found by the task's sweep."""

import logging
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def ring(task: "Task[Any, Any]", *args: str | int) -> None:
    """Enqueue `task` when the running transaction commits; with the broker away, leave it to the sweep."""

    def enqueue() -> None:
        try:
            task.delay(*args)
        except (OperationalError, OSError) as error:
            log.warning("The broker is away (%s); the sweep will find %s", type(error).__name__, task.name)

    transaction.on_commit(enqueue)
