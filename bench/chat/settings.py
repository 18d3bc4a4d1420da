"""The product as it is, with limits that a benchmark does not reach."""

import os

for name in ("LIMIT_USER", "CHAT_LIMIT_SENDER", "CHAT_LIMIT_ROOM"):
    os.environ.setdefault(name, "1000000000/60")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from config.settings.development import *  # noqa: E402, F403

DEBUG = False
