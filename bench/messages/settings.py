"""The product as it is, with one more route and limits that a benchmark does not reach."""

import os

os.environ.setdefault("LIMIT_USER", "1000000000/60")
os.environ.setdefault("LIMIT_API_KEY", "1000000000/60")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from config.settings.development import *  # noqa: F403

DEBUG = False
ROOT_URLCONF = "bench.messages.urls"
