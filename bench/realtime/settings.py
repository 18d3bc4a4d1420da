"""The product as it is, for many sockets of few people."""

import os

os.environ.setdefault("LIMIT_USER", "1000000000/60")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("SOCKETS_PER_USER", "100000")

from config.settings.development import *  # noqa: F403

DEBUG = False
