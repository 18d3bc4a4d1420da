"""Outgoing webhooks."""

from config.settings.env import env

# Deliveries under way at a time, in one sending process and to one endpoint.
WEBHOOK_CONCURRENCY = env.int("WEBHOOK_CONCURRENCY", 64)
WEBHOOK_CONCURRENCY_PER_ENDPOINT = env.int("WEBHOOK_CONCURRENCY_PER_ENDPOINT", 4)
WEBHOOK_TIMEOUT_SECONDS = env.float("WEBHOOK_TIMEOUT_SECONDS", 15.0)
# Finished deliveries, with their attempts.
WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", 30)
