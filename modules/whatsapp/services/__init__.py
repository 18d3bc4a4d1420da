"""Every write of the module."""

from modules.whatsapp.services import bulks, contacts, hooks, media, messages, sandbox, sessions

__all__ = ["bulks", "contacts", "hooks", "media", "messages", "sandbox", "sessions"]
