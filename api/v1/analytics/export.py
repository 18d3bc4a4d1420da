"""Log rows as lines of CSV or NDJSON, in blocks of some kilobytes."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from analytics.models import APILog
from core.responses import dumps

COLUMNS = (
    "id",
    "timestamp",
    "method",
    "endpoint",
    "status_code",
    "duration_us",
    "bytes_in",
    "bytes_out",
    "ip_address",
    "user_id",
    "api_key_id",
    "request_id",
    "module",
)
_BLOCK = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[APILog]) -> Iterator[bytes]:
    """A header, then a line a row. A value a spreadsheet would take for a formula is preceded by an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])
        if number % _BLOCK == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def ndjson_lines(rows: Iterable[APILog]) -> Iterator[bytes]:
    """An object a line."""
    block = bytearray()
    for number, row in enumerate(rows, start=1):
        block += dumps({name: getattr(row, name) for name in COLUMNS}) + b"\n"
        if number % _BLOCK == 0:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _cell(value: Any) -> str:
    text = "" if value is None else value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


WRITERS: dict[str, tuple[str, Callable[[Iterable[APILog]], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "ndjson": ("application/x-ndjson", ndjson_lines),
}
