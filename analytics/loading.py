"""Loading a batch of spooled lines, exactly once.

The batch, its rollups and how far each file is loaded commit together; a repeat after a crash finds the new offset and does
nothing. A line the database refuses is set aside in `rejected/` and counted; the rest of its batch is loaded. Should the mark of
a file ever be lost, the log's own key keeps its rows from being loaded again.
"""

import logging
from collections.abc import Mapping, Sequence
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


def load(chunks: Sequence[Chunk]) -> int:
    """Load the chunks in one transaction; the number of rows. Raises the database's errors; nothing is half done."""
    staging.prepare()
    try:
        return _load([(chunk, chunk.data) for chunk in chunks])
    except staging.REFUSALS:
        log.exception("A spooled line was refused by the database; setting bad lines aside")
    kept, rejected = [], {}
    for chunk in chunks:
        good, rejected[chunk.name] = staging.sift(chunk.data)
        kept.append((chunk, good))
    return _load(kept, rejected=rejected, careful=True)


def _load(
    parts: Sequence[tuple[Chunk, bytes]], *, rejected: Mapping[str, Sequence[bytes]] | None = None, careful: bool = False
) -> int:
    with transaction.atomic():
        fresh = [(chunk, lines) for chunk, lines in parts if _claim(chunk)]
        rows = staging.fill([lines for _, lines in fresh])
        if rows:
            rows -= _store(careful=careful)
        for chunk, lines in fresh:
            bad = (rejected or {}).get(chunk.name, ())
            _set_aside(chunk, bad)
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
        for statement in statements.FILL_CELLS:
            cursor.execute(statement)
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
