"""Sessions, the people written to, messages with their files and attempts, bulks, and what gateways told."""

from modules.whatsapp.models.contact import Contact
from modules.whatsapp.models.inbox import InboundEvent
from modules.whatsapp.models.media import Media
from modules.whatsapp.models.message import Bulk, Message, MessageAttempt
from modules.whatsapp.models.session import WhatsAppSession

__all__ = ["Bulk", "Contact", "InboundEvent", "Media", "Message", "MessageAttempt", "WhatsAppSession"]
