"""The line of one answered request: PostgreSQL's COPY text format, so the loader moves bytes without reading them.

No body, no query value, no credential ever enters it.
"""

COLUMNS = (
    "id",
    "timestamp_us",
    "method",
    "endpoint",
    "status_code",
    "duration_us",
    "bytes_in",
    "bytes_out",
    "ip_address",
    "user_id",
    "api_key_id",
    "request_id",
    "module",
)
_METHODS = frozenset(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
_NULL = r"\N"


def escape(value: str) -> str:
    """COPY's escapes, for the values that are not ours by construction."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def format_line(  # noqa: PLR0913 - the columns
    *,
    record_id: str,
    timestamp_us: int,
    method: str,
    endpoint: str,
    status_code: int,
    duration_us: int,
    bytes_in: int,
    bytes_out: int,
    ip_address: str | None,
    user_id: str | None,
    api_key_id: str | None,
    request_id: str,
    module: str,
) -> bytes:
    """One line. `endpoint` must already be escaped; ids are text; times microseconds; an unknown method is `OTHER`."""
    return (
        f"{record_id}\t{timestamp_us}\t{method if method in _METHODS else 'OTHER'}\t{endpoint}\t{status_code}\t{duration_us}"
        f"\t{bytes_in}\t{bytes_out}\t{ip_address or _NULL}\t{user_id or _NULL}\t{api_key_id or _NULL}\t{request_id}\t{module}\n"
    ).encode()
