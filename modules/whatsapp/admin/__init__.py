"""WhatsApp in the admin: everybody's sessions, messages and what belongs to them. Credentials are never shown."""

from modules.whatsapp.admin import chart, state
from modules.whatsapp.admin.bulks import BulkAdmin
from modules.whatsapp.admin.contacts import ContactAdmin
from modules.whatsapp.admin.files import MediaAdmin
from modules.whatsapp.admin.inbox import InboundEventAdmin
from modules.whatsapp.admin.messages import MessageAdmin
from modules.whatsapp.admin.sessions import WhatsAppSessionAdmin

__all__ = [
    "BulkAdmin",
    "ContactAdmin",
    "InboundEventAdmin",
    "MediaAdmin",
    "MessageAdmin",
    "WhatsAppSessionAdmin",
    "chart",
    "state",
]
