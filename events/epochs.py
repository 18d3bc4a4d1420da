"""Epochs: which life of the log a position belongs to.

After a restore the seqs from the restored head on are given a second time, to other events. A client that remembers the first
ones would take the second for duplicates and miss them, so every stream gets a new epoch, in which old positions mean nothing.
"""

import secrets

from django.db import connection, transaction

from events.models import LogState, Stream


def begin() -> tuple[str, int]:
    """Give the log and every stream a new epoch: it, and how many streams there are. Seqs go on from where they are.

    Processes that hold sockets notice within seconds, and tell followers to load their state anew.
    """
    epoch = secrets.token_hex(4)
    with transaction.atomic():
        # Whoever publishes waits: a stream that begins meanwhile would begin in the old epoch.
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Stream._meta.db_table} IN EXCLUSIVE MODE")
        LogState.objects.update_or_create(id=1, defaults={"epoch": epoch})
        return epoch, Stream.objects.update(epoch=epoch)
