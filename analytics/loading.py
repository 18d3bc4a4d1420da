"""Loading a batch of spooled lines, exactly once.

The batch, its rollups and how far each file is loaded commit together; a repeat after a crash finds the new offset and does
nothing. A line the database refuses is set aside in `rejected/` and counted; the rest of its batch is loaded.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.models import F
from django.utils import timezone

from analytics import partitions, statements
from analytics.choices import Period
from analytics.models import SpoolFile
from core.request_log import COLUMNS, KeyUse, consumers

log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file: from `offset`, `data` long."""

    name: str
    offset: int
    data: bytes


def load(chunks: Sequence[Chunk]) -> int:
    """Load the chunks in one transaction; the number of rows. Raises the database's errors; nothing is half done."""
    try:
        return _load(chunks, [chunk.data for chunk in chunks], rejected={})
    except DataError as error:
        log.error("A spooled line was refused by the database (%s); setting bad lines aside", error)
    kept, rejected = [], {}
    for chunk in chunks:
        good, bad = _sift(chunk.data)
        kept.append(good)
        if bad:
            rejected[chunk.name] = bad
    return _load(chunks, kept, rejected=rejected)


def _load(chunks: Sequence[Chunk], data: Sequence[bytes], *, rejected: dict[str, list[bytes]]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statements.CREATE_STAGING)
    with transaction.atomic():
        fresh = [(chunk, lines) for chunk, lines in zip(chunks, data, strict=True) if _claim(chunk)]
        rows = _stage([lines for _, lines in fresh])
        if rows:
            _store()
        for chunk, lines in fresh:
            bad = rejected.get(chunk.name, [])
            _set_aside(chunk.name, bad)
            SpoolFile.objects.filter(name=chunk.name).update(
                offset=chunk.offset + len(chunk.data),
                rows=F("rows") + lines.count(b"\n"),
                rejected_rows=F("rejected_rows") + len(bad),
                updated_at=timezone.now(),
            )
    return rows


def _claim(chunk: Chunk) -> bool:
    """Lock the file's row; whether the chunk is the next thing to load of it."""
    SpoolFile.objects.bulk_create([SpoolFile(name=chunk.name)], ignore_conflicts=True)
    return SpoolFile.objects.select_for_update().get(pk=chunk.name).offset == chunk.offset


def _stage(data: Sequence[bytes]) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(statements.COPY_STAGING) as copy:
            for lines in data:
                copy.write(lines)
        return int(cursor.rowcount)


def _store() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE request_staging")
        cursor.execute(statements.DAYS)
        partitions.ensure(row[0] for row in cursor.fetchall())
        cursor.execute(statements.INSERT_LOG)
        cursor.execute(statements.FILL_CELLS)
        minutes = timezone.now() - timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS)
        for period, since in ((Period.MINUTE, minutes), (Period.HOUR, _EPOCH), (Period.DAY, _EPOCH)):
            cursor.execute(statements.UPSERT_ROLLUP, {"period": period.value, "unit": period.name.lower(), "since": since})
        cursor.execute(statements.KEY_USES)
        uses = [KeyUse(*row) for row in cursor.fetchall()]
        if uses:
            for consume in consumers():
                consume(uses)
        cursor.execute(statements.UPSERT_USAGE)


def _sift(data: bytes) -> tuple[bytes, list[bytes]]:
    """Part the lines the database takes from those it does not, by halving: few bad lines cost few attempts."""
    lines = data.splitlines(keepends=True)
    if _accepted(data):
        return data, []
    if len(lines) == 1:
        return b"", lines
    middle = len(lines) // 2
    left, left_bad = _sift(b"".join(lines[:middle]))
    right, right_bad = _sift(b"".join(lines[middle:]))
    return left + right, left_bad + right_bad


def _accepted(data: bytes) -> bool:
    if any(line.count(b"\t") != len(COLUMNS) - 1 for line in data.splitlines()):
        return False
    try:
        with transaction.atomic():
            _stage([data])
            transaction.set_rollback(True)
    except DataError:
        return False
    return True


def _set_aside(name: str, lines: Sequence[bytes]) -> None:
    if lines:
        folder = Path(settings.SPOOL_DIR) / "rejected"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.bad").write_bytes(b"".join(lines))
