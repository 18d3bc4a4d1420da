"""Log lines: JSON for machines, one readable line for people. Both carry the request id."""

import logging
from datetime import UTC, datetime

import orjson

from core import context


class JSONFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := context.current().request_id:
            entry["request_id"] = request_id
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(entry, default=str).decode()
        except TypeError:
            # A lone surrogate (from a file name, an environment, a broken header): shown escaped, never a lost line.
            shown = {name: str(value).encode("utf-8", "backslashreplace").decode() for name, value in entry.items()}
            return orjson.dumps(shown).decode()


class ConsoleFormatter(logging.Formatter):
    """`time level logger message [request id]`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        request_id = context.current().request_id
        return f"{line} [{request_id}]" if request_id else line


class NotUnavailable(logging.Filter):
    """Drops Django's line for each 503: readiness says it in its answer, and what was away is logged where it was found."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503
