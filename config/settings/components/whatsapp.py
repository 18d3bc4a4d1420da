"""WhatsApp: the gateways, and how messages wait and are sent."""

from config.settings.env import env

# What POST /sessions/init/ takes when it names no driver.
WHATSAPP_DRIVER = env.str("WHATSAPP_DRIVER", "sandbox")
# The operator's WAHA server; its URL may be a private address.
WHATSAPP_WAHA_URL = env.str("WHATSAPP_WAHA_URL", "")
WHATSAPP_WAHA_API_KEY = env.str("WHATSAPP_WAHA_API_KEY", "")
WHATSAPP_WAHA_HMAC_KEY = env.str("WHATSAPP_WAHA_HMAC_KEY", "")
# Where that server reaches us; empty: PUBLIC_URL.
WHATSAPP_HOOK_URL = env.str("WHATSAPP_HOOK_URL", "")
# The operator's Meta app. A session has its own phone number id and token.
WHATSAPP_CLOUD_API_URL = env.str("WHATSAPP_CLOUD_API_URL", "https://graph.facebook.com/v23.0")
WHATSAPP_CLOUD_API_APP_SECRET = env.str("WHATSAPP_CLOUD_API_APP_SECRET", "")
WHATSAPP_CLOUD_API_VERIFY_TOKEN = env.str("WHATSAPP_CLOUD_API_VERIFY_TOKEN", "")

# Calls to gateways under way at a time, in one relay and of one session.
WHATSAPP_CONCURRENCY = env.int("WHATSAPP_CONCURRENCY", 64)
WHATSAPP_CONCURRENCY_PER_SESSION = env.int("WHATSAPP_CONCURRENCY_PER_SESSION", 16)
WHATSAPP_TIMEOUT_SECONDS = env.float("WHATSAPP_TIMEOUT_SECONDS", 20.0)
WHATSAPP_MEDIA_TIMEOUT_SECONDS = env.float("WHATSAPP_MEDIA_TIMEOUT_SECONDS", 90.0)
# A message that could not be sent for so long fails.
WHATSAPP_QUEUE_HOURS = env.int("WHATSAPP_QUEUE_HOURS", 24)
WHATSAPP_MAX_MEDIA_BYTES = env.int("WHATSAPP_MAX_MEDIA_BYTES", 16 * 1_048_576)
WHATSAPP_MEDIA_RETENTION_DAYS = env.int("WHATSAPP_MEDIA_RETENTION_DAYS", 30)
# 0: messages are kept for ever.
WHATSAPP_MESSAGE_RETENTION_DAYS = env.int("WHATSAPP_MESSAGE_RETENTION_DAYS", 0)
