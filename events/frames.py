"""The text of one event as every subscriber gets it: made once, by the publisher."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def encode(payload: Any) -> bytes:
    """A payload's JSON. Raises TypeError for what the catalogue does not allow."""
    return orjson.dumps(payload, option=_OPTIONS)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as `ts` in a frame."""
    return int(moment.timestamp() * 1000)


def event_frame(*, kind: str, stream: str, seq: int, event_id: UUID | str, created_at: datetime, payload: bytes) -> bytes:
    """`{"t", "s", "seq", "ts", "id", "d"}`; `payload` is JSON already, `ts` is in milliseconds."""
    head = orjson.dumps({"t": kind, "s": stream, "seq": seq, "ts": milliseconds(created_at), "id": str(event_id)})
    return head[:-1] + b',"d":' + payload + b"}"


def ephemeral_frame(*, kind: str, stream: str, payload: bytes) -> bytes:
    """`{"t", "s", "d"}`: no position, may be dropped."""
    return orjson.dumps({"t": kind, "s": stream})[:-1] + b',"d":' + payload + b"}"
