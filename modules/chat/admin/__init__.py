"""Chat in the admin: everybody's rooms, messages and what belongs to them. Tokens are never shown, files never downloaded."""

from modules.chat.admin import chart
from modules.chat.admin.doors import BanAdmin, IncomingWebhookAdmin, InviteLinkAdmin, MemberAdmin
from modules.chat.admin.files import ChatFileAdmin
from modules.chat.admin.messages import MessageAdmin
from modules.chat.admin.reports import ReportAdmin
from modules.chat.admin.rooms import RoomAdmin

__all__ = [
    "BanAdmin",
    "ChatFileAdmin",
    "IncomingWebhookAdmin",
    "InviteLinkAdmin",
    "MemberAdmin",
    "MessageAdmin",
    "ReportAdmin",
    "RoomAdmin",
    "chart",
]
