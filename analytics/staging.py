"""From spooled bytes to the staging table, which refuses what the log could not hold; and parting bad lines from good ones."""

from django.db import DataError, IntegrityError, connection, transaction

from analytics import statements

REFUSALS = (DataError, IntegrityError)


def prepare() -> None:
    """Make the session's temporary tables, or empty them."""
    with connection.cursor() as cursor:
        cursor.execute(statements.PREPARE_STAGING)


def fill(lines: bytes) -> int:
    """Copy whole lines into the staging table; how many. Raises DataError or IntegrityError for a line it refuses."""
    with connection.cursor() as cursor:
        # The driver's own errors come out of a COPY, not Django's.
        with connection.wrap_database_errors, cursor.copy(statements.COPY_STAGING) as copy:
            copy.write(lines)
        copied = int(cursor.rowcount)
    # COPY ends silently at a line that is its end mark.
    if copied != lines.count(b"\n"):
        raise DataError("COPY did not take every line")
    return copied


def sift(data: bytes) -> tuple[bytes, list[bytes]]:
    """Part the lines the database takes from those it does not, by halving: few bad lines cost few attempts."""
    if _accepted(data):
        return data, []
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    if len(lines) == 1:
        return b"", lines
    middle = len(lines) // 2
    left, left_bad = sift(b"".join(lines[:middle]))
    right, right_bad = sift(b"".join(lines[middle:]))
    return left + right, left_bad + right_bad


def _accepted(data: bytes) -> bool:
    # A COPY takes the line end of its first line for all: alone, such a line would pass; among others, fail.
    if b"\r" in data:
        return False
    try:
        with transaction.atomic():
            fill(data)
            transaction.set_rollback(True)
    except REFUSALS:
        return False
    return True
