"""The web side of the request log: one line per answered request, on disk before the answer leaves.

The loading side is the analytics app; apps that fold something from loaded rows register a consumer here.
"""

from core.request_log.consumers import KeyUse, consumers, on_loaded
from core.request_log.record import COLUMNS, format_line
from core.request_log.spool import SpoolState, SpoolWriter, spool, spool_state

__all__ = [
    "COLUMNS",
    "KeyUse",
    "SpoolState",
    "SpoolWriter",
    "consumers",
    "format_line",
    "on_loaded",
    "spool",
    "spool_state",
]
