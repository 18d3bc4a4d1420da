"""What every environment shares. Each integration lives in its own file under `components`."""

from pathlib import Path

from config.settings.components.auth import *  # noqa: F403
from config.settings.components.celery import *  # noqa: F403
from config.settings.components.database import *  # noqa: F403
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
    "users",
    "api_keys",
    "analytics",
    *ATELIER_MODULES,
    "api",
]

# The API's part first; what only the admin's pages need does nothing elsewhere (core.admin_middleware).
MIDDLEWARE = [
    "core.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "core.admin_middleware.AdminSessionMiddleware",
    "core.admin_middleware.AdminCommonMiddleware",
    "core.admin_middleware.AdminCsrfMiddleware",
    "core.admin_middleware.AdminAuthenticationMiddleware",
    "core.admin_middleware.AdminMessageMiddleware",
    "core.admin_middleware.AdminFrameOptionsMiddleware",
]

# Django looks for its own classes by name; ours are subclasses of them that act on the admin's pages, the only ones with
# forms or cookies (security.W002 clickjacking, security.W003 CSRF).
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W003"]

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
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
APPEND_SLASH = True

env.seal()
