"""Taking content out of events that were published, where what they told of must not be readable any more.

Positions and types stay: a stream has no holes. What webhooks were sent, and clients have, is out of reach.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

# The partitions from then on, and in them the stream's part of the key.
_REDACT = """
UPDATE events_event
SET payload = payload || (SELECT jsonb_object_agg(key, value) FROM jsonb_each(%s::jsonb) WHERE payload ? key)
WHERE stream = %s AND created_at >= %s AND type = ANY(%s) AND payload ->> %s = %s
"""


def redact(*, stream: str, since: datetime, types: Collection[str], field: str, value: str, blank: Mapping[str, Any]) -> int:
    """Put what they have of `blank` into the stream's events of these types since then whose `field` is `value`; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_REDACT, [orjson.dumps(blank).decode(), stream, since, list(types), field, value])
        changed: int = cursor.rowcount
        return changed
