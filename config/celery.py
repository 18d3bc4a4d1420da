"""The Celery app: settings under CELERY_, tasks of every installed app, and what the apps want done periodically."""

import os
from typing import Any

import django
from celery import Celery
from celery.signals import beat_embedded_init, setup_logging, task_postrun, task_prerun, worker_process_init, worker_ready
from django.apps import apps

from config.quick_start import quick_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

app = Celery("atelier")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def _schedule(sender: Celery, **kwargs: Any) -> None:
    from core.registry import beat_schedule

    sender.conf.beat_schedule = beat_schedule()


@setup_logging.connect
def _log(**kwargs: Any) -> None:
    """Keep Django's logging configuration; Celery's own would replace it."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@worker_process_init.connect
def _tie_to_parent(**kwargs: Any) -> None:
    if os.environ.get("ATELIER_DIE_WITH_PARENT"):
        from config.local.process import die_with_parent

        die_with_parent()


@beat_embedded_init.connect
def _tie_beat_to_parent(**kwargs: Any) -> None:
    """An embedded beat is a process of its own, and not one of the pool's."""
    _tie_to_parent()


@worker_ready.connect
def _first_sign(**kwargs: Any) -> None:
    """Readiness turns green as soon as the worker is up, not at beat's next tick."""
    from core.tasks import heartbeat

    heartbeat.delay()


@app.on_after_configure.connect
def _carry_request_id(sender: Celery, **kwargs: Any) -> None:
    from celery.signals import before_task_publish

    before_task_publish.connect(_add_request_id, weak=False)


def _add_request_id(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    from core import context

    if headers is not None and (request_id := context.current().request_id):
        headers["request_id"] = request_id


@task_prerun.connect
def _enter_request(task: Any = None, **kwargs: Any) -> None:
    from core import context

    context.enter(context.RequestContext(request_id=getattr(task.request, "request_id", None) or ""))


@task_postrun.connect
def _leave_request(**kwargs: Any) -> None:
    from core import context

    context.enter(context.RequestContext())


if not apps.models_ready:
    # Celery's own program imports this first, and would set Django up itself.
    with quick_start():
        django.setup()
