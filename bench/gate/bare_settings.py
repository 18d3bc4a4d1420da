"""The other side: plain Django and DRF without any middleware, with the stock simplejwt and djangorestframework-api-key."""

import os

import dj_database_url

SECRET_KEY = "bench-only-not-a-secret-00000000000000000"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework_api_key"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.gate.bare_urls"
DATABASES = {
    "default": {
        **dj_database_url.parse(os.environ["BENCH_BARE_DATABASE_URL"]),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"pool": {"min_size": 4, "max_size": 8}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
