"""Accounts, passwords, tokens and API keys.

Token keys are apart from SECRET_KEY and rotate by `kid`: the first entry signs, every entry verifies. Peppers rotate the same
way by version.
"""

from datetime import timedelta
from typing import Any

from config.settings.env import env, parse_keyring

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.backends.UsernameOrEmailBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "api_keys.hashers.APIKeyHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "core.validators.MaximumLengthPasswordValidator", "OPTIONS": {"max_length": 128}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600

JWT_SIGNING_KEYS = parse_keyring("JWT_SIGNING_KEYS")
JWT_ISSUER = env.str("JWT_ISSUER", "atelier")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", "atelier-api")
ACCESS_TOKEN_LIFETIME = timedelta(seconds=env.int("ACCESS_TOKEN_SECONDS", 900) or 900)
REFRESH_TOKEN_LIFETIME = timedelta(days=env.int("REFRESH_TOKEN_DAYS", 30) or 30)
# How far clocks may be apart.
JWT_LEEWAY_SECONDS = 5
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": next(iter(JWT_SIGNING_KEYS.values())),
    "ISSUER": JWT_ISSUER,
    "AUDIENCE": JWT_AUDIENCE,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "USER_ID_CLAIM": "sub",
    "LEEWAY": JWT_LEEWAY_SECONDS,
}
REFRESH_GRACE_SECONDS = 10
# A family dies at the latest after this long, however often it is refreshed.
SESSION_MAX_AGE = timedelta(days=env.int("SESSION_MAX_DAYS", 180) or 180)

API_KEY_PEPPERS = parse_keyring("API_KEY_PEPPERS")
FIELD_ENCRYPTION_KEYS: list[str] = env.list("FIELD_ENCRYPTION_KEYS")

REGISTRATION_ENABLED = env.bool("REGISTRATION_ENABLED", True)
REGISTRATION_EMAIL_VERIFICATION = env.str("REGISTRATION_EMAIL_VERIFICATION", "required")
GUESTS_ENABLED = env.bool("GUESTS_ENABLED", True)
GUEST_LIFETIME = timedelta(hours=env.int("GUEST_HOURS", 24) or 24)
EMAIL_VERIFICATION_TIMEOUT = 3 * 24 * 3600
