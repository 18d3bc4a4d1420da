"""Waking the senders when there is something to send."""

from core.bell import Bell

BELL = Bell("webhooks")
