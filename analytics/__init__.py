"""The request log as loaded from the spool, its rollups, and usage per user and day."""
