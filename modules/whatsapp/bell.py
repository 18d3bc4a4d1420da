"""Waking the loops of the relay: messages to send, sessions to look after, what gateways told, files to fetch."""

from core.bell import Bell

MESSAGES = Bell("whatsapp-messages")
SESSIONS = Bell("whatsapp-sessions")
INBOX = Bell("whatsapp-inbox")
FILES = Bell("whatsapp-files")
