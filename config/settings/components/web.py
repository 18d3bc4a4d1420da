"""Hosts, origins, static files, media and the security headers every environment shares."""

from pathlib import Path

from config.settings.env import env

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "x-request-id"]
CORS_EXPOSE_HEADERS = ["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID", "Idempotency-Replayed", "Location"]

PORT = env.int("PORT", 8000)
PUBLIC_URL = (env.str("PUBLIC_URL", "") or f"http://localhost:{PORT}").rstrip("/")
FRONTEND_URL = (env.str("FRONTEND_URL", "") or "http://localhost:3000").rstrip("/")

DATA_DIR = Path(env.str("DATA_DIR", ".data") or ".data").absolute()
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", "") or "static").absolute()
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", "") or DATA_DIR / "media").absolute()
# Files that are somebody's own: no web server hands them out.
FILES_ROOT = Path(env.str("FILES_ROOT", "") or DATA_DIR / "files").absolute()

# Read here, before the environment is sealed; acted on by production settings only.
REDIRECT_TO_TLS = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
