"""The safe outgoing client's only exception: addresses a development or test set-up may reach although private."""

from config.settings.env import env

# host:port pairs; never set in production.
OUTGOING_ALLOWED_PRIVATE: frozenset[str] = frozenset(env.list("OUTGOING_ALLOWED_PRIVATE", []) or [])
OUTGOING_TIMEOUT_SECONDS = 15.0
OUTGOING_MAX_RESPONSE_BYTES = 1_048_576
