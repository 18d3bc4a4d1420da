"""One person's machine: readable logs, debug pages, secrets that protect nothing. Demo data exists here only."""

import os

_DEVELOPMENT_ONLY = "development-only-not-a-secret-000000000"
os.environ.setdefault("SECRET_KEY", _DEVELOPMENT_ONLY)
os.environ.setdefault("JWT_SIGNING_KEYS", f"dev:{_DEVELOPMENT_ONLY}")
os.environ.setdefault("API_KEY_PEPPERS", f"1:{_DEVELOPMENT_ONLY}")
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtMDA=")
os.environ.setdefault("LOG_FORMAT", "console")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# The pages of docs/examples come from the API's own port and open sockets at another one; then usual page servers.
_PORT = os.environ.get("PORT", "8000")
_PAGES = f"http://localhost:{_PORT},http://127.0.0.1:{_PORT},http://localhost:3000,http://localhost:5173"
os.environ.setdefault("CORS_ALLOWED_ORIGINS", _PAGES)

from config.settings.base import *  # noqa: E402, F403
from config.settings.base import DATA_DIR, STORAGES  # noqa: E402

DEBUG = True
DEMO_ALLOWED = True
METRICS_PUBLIC = True
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
