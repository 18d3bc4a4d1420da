"""The suite: real engines, cheap password hashing, mail kept in memory, one Redis database per test process."""

import os

_TEST_ONLY = "test-only-not-a-secret-0000000000000000"
os.environ.setdefault("SECRET_KEY", _TEST_ONLY)
os.environ.setdefault("JWT_SIGNING_KEYS", f"test:{_TEST_ONLY}")
os.environ.setdefault("API_KEY_PEPPERS", f"1:{_TEST_ONLY}")
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "dGVzdC1vbmx5LW5vdC1hLXNlY3JldC0wMDAwMDAwMDA=")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")

from config.settings.base import *  # noqa: E402, F403
from config.settings.base import DATA_DIR, DATABASES  # noqa: E402

DEMO_ALLOWED = True
METRICS_PUBLIC = False
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "api_keys.hashers.APIKeyHasher",
]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "private": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
# A test database is created and dropped: no pool may hold it open.
DATABASES["default"]["OPTIONS"].pop("pool", None)
LIMIT_USER = LIMIT_API_KEY = LIMIT_ANONYMOUS = LIMIT_SENSITIVE = "100000/60"
