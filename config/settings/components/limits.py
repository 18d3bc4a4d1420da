"""Limits of the request gate: requests per window in seconds, as `quota/window`."""

from config.settings.env import env

LIMIT_USER = env.str("LIMIT_USER", "1000/60")
LIMIT_API_KEY = env.str("LIMIT_API_KEY", "1000/60")
LIMIT_ANONYMOUS = env.str("LIMIT_ANONYMOUS", "120/60")
LIMIT_SENSITIVE = env.str("LIMIT_SENSITIVE", "20/60")
LIMIT_LOGIN_ADDRESS_FAILURES = env.str("LIMIT_LOGIN_ADDRESS_FAILURES", "30/900")
LIMIT_LOGIN_PAIR_FAILURES = env.str("LIMIT_LOGIN_PAIR_FAILURES", "5/900")
LIMIT_LOGIN_ACCOUNT_FAILURES = env.str("LIMIT_LOGIN_ACCOUNT_FAILURES", "50/3600")
# Calls of a gateway about one session.
LIMIT_HOOKS = env.str("LIMIT_HOOKS", "6000/60")
LIMIT_MAIL_PER_ACCOUNT = env.str("LIMIT_MAIL_PER_ACCOUNT", "5/3600")

PRINCIPAL_CACHE_SECONDS = 5.0
PRINCIPAL_CACHE_SIZE = 10_000

TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
MAX_JSON_BODY_BYTES = env.int("MAX_JSON_BODY_BYTES", 1_048_576)
# What may be read at once of a body that carries an Idempotency-Key: the largest upload, and a little.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
