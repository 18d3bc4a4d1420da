"""PostgreSQL through psycopg's own pool: one pool per process, sized to its threads."""

from config.settings.env import env

_url = env.dj_db_url("DATABASE_URL") or {}
_pool_size = env.int("DATABASE_POOL_SIZE", 8) or 8

DATABASES = {
    "default": {
        **_url,
        "ENGINE": "core.db",
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            **_url.get("OPTIONS", {}),
            "connect_timeout": 3,
            # A request waits `timeout` for a connection, then gets a clear 503. The pool doubles the pause between its attempts
            # to reconnect; giving up early lets the next request start anew, so the way back is short however long the outage.
            "pool": {"min_size": 1, "max_size": _pool_size, "timeout": 2, "max_idle": 300, "reconnect_timeout": 2},
        },
    }
}

# LISTEN needs a session of its own: past a transaction pooler, name the server itself here.
LISTEN_DATABASE_URL = env.str("LISTEN_DATABASE_URL", "")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
