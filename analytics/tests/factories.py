"""Spooled lines and rows of the log for tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analytics.loading import Chunk, load
from core.ids import uuid7
from core.request_log import format_line

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USERS = "/api/v1/users/{id}/"


def microseconds(moment: datetime) -> int:
    """A moment as the log counts it."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def line(at: datetime | None = None, **fields: Any) -> bytes:
    """One spooled line: a GET of a user answered with 200 in a millisecond just now, unless said otherwise."""
    values: dict[str, Any] = {
        "record_id": uuid7(),
        "timestamp_us": microseconds(at or datetime.now(UTC)),
        "method": "GET",
        "endpoint": USERS,
        "status_code": 200,
        "duration_us": 1000,
        "bytes_in": 10,
        "bytes_out": 100,
        "ip_address": "192.0.2.1",
        "user_id": None,
        "api_key_id": None,
        "request_id": "test",
        "module": "users",
    }
    return format_line(**{**values, **fields})


def write(directory: Path, *lines: bytes, name: str = "") -> Path:
    """A finished spool file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name or uuid7()}.log"
    path.write_bytes(b"".join(lines))
    return path


def log(*lines: bytes) -> int:
    """Load lines as a shipper would."""
    return load([Chunk(f"{uuid7()}.log", 0, b"".join(lines))])


def log_requests(number: int = 1, *, at: datetime | None = None, **fields: Any) -> int:
    """Load a number of like requests."""
    return log(*(line(at, **fields) for _ in range(number)))
