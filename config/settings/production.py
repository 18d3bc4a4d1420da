"""Behind TLS, on the internet. Every secret comes from the environment; a missing one stops the start and names itself."""

from config.settings.base import *  # noqa: F403
from config.settings.components.observers import start_observers

DEMO_ALLOWED = False
METRICS_PUBLIC = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = REDIRECT_TO_TLS
# Health checks come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Secure-atelier"

start_observers()
