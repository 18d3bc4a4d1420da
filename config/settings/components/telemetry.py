"""Logs, metrics, Sentry, OpenTelemetry. The last two are off unless their variable is set."""

from typing import Any

from config.settings.env import env

METRICS_TOKEN = env.str("METRICS_TOKEN", "")
SENTRY_DSN = env.str("SENTRY_DSN", "")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
LOG_LEVEL = (env.str("LOG_LEVEL", "INFO") or "INFO").upper()
LOG_FORMAT = env.str("LOG_FORMAT", "json")


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """The dictConfig of one stream handler in the given format (`json` or `console`)."""
    formatter = "core.logging.JSONFormatter" if log_format == "json" else "core.logging.ConsoleFormatter"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": {"()": formatter}},
        "filters": {"not_unavailable": {"()": "core.logging.NotUnavailable"}},
        "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {
            "django.server": {"propagate": True},
            # The request log has every answer; Django's own line for each 4xx would say it twice.
            "django.request": {"level": "ERROR", "propagate": True, "filters": ["not_unavailable"]},
            "httpx": {"level": "WARNING"},
        },
    }


LOGGING = logging_config(LOG_FORMAT or "json", LOG_LEVEL)
