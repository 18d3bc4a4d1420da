"""Production with other secrets and a shorter memory: HSTS is not preloaded from a throw-away host name."""

from config.settings.production import *  # noqa: F403

SECURE_HSTS_SECONDS = 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_HSTS_PRELOAD = False
# Both follow from staging not being preloaded (security.W005, security.W021).
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "security.W005", "security.W021"]
