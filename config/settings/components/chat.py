"""Chat: how fast people may write, and how large things may be."""

from config.settings.env import env

# Messages in seconds, of one person, of a guest, and of a room.
CHAT_LIMIT_SENDER = env.str("CHAT_LIMIT_SENDER", "20/4")
CHAT_LIMIT_GUEST = env.str("CHAT_LIMIT_GUEST", "5/5")
CHAT_LIMIT_ROOM = env.str("CHAT_LIMIT_ROOM", "50/1")
# How long a message may be edited.
CHAT_EDIT_MINUTES = env.int("CHAT_EDIT_MINUTES", 60)
CHAT_MAX_MEMBERS = env.int("CHAT_MAX_MEMBERS", 10_000)
CHAT_FILE_MAX_BYTES = env.int("CHAT_FILE_MAX_BYTES", 20 * 1_048_576)
# How long an uploaded file waits for its message.
CHAT_FILE_HOURS = env.int("CHAT_FILE_HOURS", 24)
