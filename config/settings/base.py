"""What every environment shares. Each integration lives in its own file under `components`."""

from pathlib import Path

from config.settings.components.auth import *  # noqa: F403
from config.settings.components.celery import *  # noqa: F403
from config.settings.components.chat import *  # noqa: F403
from config.settings.components.database import *  # noqa: F403
from config.settings.components.events import *  # noqa: F403
from config.settings.components.limits import *  # noqa: F403
from config.settings.components.mail import *  # noqa: F403
from config.settings.components.modules import ATELIER_MODULES
from config.settings.components.openapi import *  # noqa: F403
from config.settings.components.outgoing import *  # noqa: F403
from config.settings.components.redis import *  # noqa: F403
from config.settings.components.request_log import *  # noqa: F403
from config.settings.components.rest import *  # noqa: F403
from config.settings.components.telemetry import *  # noqa: F403
from config.settings.components.unfold import *  # noqa: F403
from config.settings.components.web import *  # noqa: F403
from config.settings.components.webhooks import *  # noqa: F403
from config.settings.components.whatsapp import *  # noqa: F403
from config.settings.env import env

BASE_DIR = Path(__file__).resolve().parents[2]
SECRET_KEY = env.str("SECRET_KEY")
DEBUG = False

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "core",
    "events",
    "users",
    "api_keys",
    "analytics",
    "webhooks",
    *ATELIER_MODULES,
    "api",
]

MIDDLEWARE = [
    "core.middleware.RequestMiddleware",
    "core.cors_middleware.CrossOriginMiddleware",
    "core.pages_middleware.PagesMiddleware",
]
# What the API does not need: run by PagesMiddleware for everything else.
PAGES_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Django looks for these in MIDDLEWARE; they are in PAGES_MIDDLEWARE (config/tests/test_architecture.py holds them there).
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410", "security.W001", "security.W002", "security.W003"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES_ROOT, "base_url": None}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
APPEND_SLASH = True

env.seal()
