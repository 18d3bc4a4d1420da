"""When a key was last used: folded from loaded request-log rows, forward only, one statement a batch."""

from collections.abc import Sequence

from django.db import connection

from core.request_log import KeyUse

_FOLD = """
UPDATE api_keys_apikey AS stored
SET last_used_at = seen.used_at, last_used_ip = seen.ip
FROM unnest(%s::uuid[], %s::timestamptz[], %s::inet[]) AS seen(id, used_at, ip)
WHERE stored.id = seen.id AND (stored.last_used_at IS NULL OR stored.last_used_at < seen.used_at)
"""


def fold_last_use(uses: Sequence[KeyUse]) -> None:
    """Move `last_used_at` and `last_used_ip` forward for the keys of a loaded batch, in the load's transaction."""
    ordered = sorted(uses, key=lambda use: use.api_key_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _FOLD,
            [
                [use.api_key_id for use in ordered],
                [use.last_used_at for use in ordered],
                [use.ip_address for use in ordered],
            ],
        )
