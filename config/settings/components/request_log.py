"""The request log: where web processes spool, how much disk it may take, how long each grain is kept."""

from pathlib import Path

from config.settings.env import env

SPOOL_DIR = Path(env.str("SPOOL_DIR", "") or Path(env.str("DATA_DIR", ".data") or ".data") / "spool").absolute()
SPOOL_MAX_BYTES = env.int("SPOOL_MAX_BYTES", 1 << 30)
SPOOL_SEGMENT_BYTES = env.int("SPOOL_SEGMENT_BYTES", 4 << 20)
REQUEST_LOG_RETENTION_DAYS = env.int("REQUEST_LOG_RETENTION_DAYS", 30)
ROLLUP_MINUTE_RETENTION_DAYS = env.int("ROLLUP_MINUTE_RETENTION_DAYS", 2)
ROLLUP_HOUR_RETENTION_DAYS = env.int("ROLLUP_HOUR_RETENTION_DAYS", 365)
