"""Waking chat's loop of the relay: links to look at."""

from core.bell import Bell

LINKS = Bell("chat-links")
