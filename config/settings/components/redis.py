"""Redis or Valkey: limits and the Celery broker. Never the only home of anything that must survive."""

from config.settings.env import env

REDIS_URL = env.str("REDIS_URL")
# A limit check waits this long, then the process limits on its own until Redis is back.
REDIS_TIMEOUT_SECONDS = 0.25
REDIS_RETRY_AFTER_SECONDS = 1.0
