"""Ringing a task after the commit. The row is the truth: a lost ring is found by the task's sweep."""

import logging
import time
from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
# A broker that hangs costs a process a few timeouts a minute, not one a request.
QUIET_SECONDS = 3.0
_quiet_until = 0.0


def ring(task: "Task[Any, Any]", *args: str | int) -> None:
    """Enqueue `task` when the running transaction commits; with the broker away, leave it to the sweep."""
    transaction.on_commit(partial(ring_now, task, *args))


def ring_now(task: "Task[Any, Any]", *args: str | int) -> None:
    """Enqueue `task` at once, where there is no transaction and no database is wanted."""
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        task.delay(*args)
    except (OperationalError, OSError) as error:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        log.warning("The broker is away (%s); the sweep will find %s", type(error).__name__, task.name)
