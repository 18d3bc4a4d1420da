"""Loading a batch of spooled lines, exactly once.

The batch, its rollups and how far each file is loaded commit together; a repeat after a crash finds the new offset and does
nothing. A line the database refuses is set aside in `rejected/` and counted; the rest of its batch is loaded. Should the mark of
a file ever be lost, the log's own key keeps its rows from being loaded again.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from analytics import partitions, staging, statements
from analytics.models import SpoolFile
from core.request_log import KeyUse, consumers

log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of one file: from `offset`, `data` long."""

    name: str
    offset: int
    data: bytes


def load(chunks: Iterable[Chunk]) -> int:
    """Load the chunks in one transaction; the number of rows. Raises the database's errors; nothing is half done.

    One chunk at a time is held. A refused line makes it go through them again: an iterator that is used up will not do.
    """
    staging.prepare()
    try:
        return _load(chunks, careful=False)
    except staging.REFUSALS:
        log.exception("A spooled line was refused by the database; setting bad lines aside")
    return _load(chunks, careful=True)


def _load(chunks: Iterable[Chunk], *, careful: bool) -> int:
    rows = 0
    with transaction.atomic():
        for chunk in chunks:
            if _claim(chunk):
                rows += _stage(chunk, careful=careful)
        if rows:
            rows -= _store(careful=careful)
    return rows


def _stage(chunk: Chunk, *, careful: bool) -> int:
    """Stage a chunk and move its file's mark behind it; the number of rows."""
    lines, bad = staging.sift(chunk.data) if careful else (chunk.data, [])
    rows = staging.fill(lines)
    _set_aside(chunk, bad)
    SpoolFile.objects.filter(name=chunk.name).update(
        offset=chunk.offset + len(chunk.data),
        rows=F("rows") + rows,
        rejected_rows=F("rejected_rows") + len(bad),
        updated_at=timezone.now(),
    )
    return rows


def _claim(chunk: Chunk) -> bool:
    """Lock the file's row; whether the chunk is the next thing to load of it."""
    SpoolFile.objects.bulk_create([SpoolFile(name=chunk.name)], ignore_conflicts=True)
    return SpoolFile.objects.select_for_update().get(pk=chunk.name).offset == chunk.offset


def _store(*, careful: bool) -> int:
    """Log and sum up what is staged; how many rows were left out because the log has them already (looked for when `careful`)."""
    known = 0
    with connection.cursor() as cursor:
        # Enough for the sums of a batch to stay in memory; the default would sort them on disk.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(statements.DAYS)
        partitions.ensure(_EPOCH.date() + timedelta(days=row[0]) for row in cursor.fetchall())
        if careful:
            for statement in statements.DROP_KNOWN:
                cursor.execute(statement)
                known += cursor.rowcount
        cursor.execute(statements.INSERT_LOG)
        # Of tables it has no statistics of, the planner expects few groups and would sort every row; hashing takes half as long.
        cursor.execute("SET LOCAL enable_sort = off")
        for statement in statements.FILL_CELLS:
            cursor.execute(statement)
        cursor.execute("SET LOCAL enable_sort = DEFAULT")
        cursor.execute(statements.LOCK_SUMS)
        minutes = timezone.now() - timedelta(days=settings.ROLLUP_MINUTE_RETENTION_DAYS)
        cursor.execute(statements.UPSERT_ROLLUP, {"since": minutes})
        cursor.execute(statements.UPSERT_DETAIL)
        cursor.execute(statements.KEY_USES)
        uses = [KeyUse(*row) for row in cursor.fetchall()]
        if uses:
            for consume in consumers():
                consume(uses)
        cursor.execute(statements.UPSERT_USAGE)
    return known


def _set_aside(chunk: Chunk, lines: Sequence[bytes]) -> None:
    """Keep refused lines on disk, under a name that a repeat of the same chunk writes again."""
    if lines:
        folder = Path(settings.SPOOL_DIR) / "rejected"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{chunk.name}.{chunk.offset}.bad").write_bytes(b"".join(lines))
