"""Assembly at start: binds the Celery app, so that tasks enqueued anywhere find the broker."""

from django.apps import AppConfig


class AssemblyConfig(AppConfig):
    name = "config"
    label = "assembly"
    verbose_name = "Assembly"

    def ready(self) -> None:
        """Load the Celery app once Django is set up."""
        from config import celery  # noqa: F401 - importing binds it
