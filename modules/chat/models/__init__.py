"""Rooms and members, ways in, messages with what belongs to them, files, and reports."""

from modules.chat.models.file import ChatFile, LinkPreview, MessageLink
from modules.chat.models.joining import Admission, IncomingWebhook, InviteLink
from modules.chat.models.message import Mention, Message, MessageEdit, Reaction, ThreadFollower
from modules.chat.models.report import Report
from modules.chat.models.room import Ban, Member, Room

__all__ = [
    "Admission",
    "Ban",
    "ChatFile",
    "IncomingWebhook",
    "InviteLink",
    "LinkPreview",
    "Member",
    "Mention",
    "Message",
    "MessageEdit",
    "MessageLink",
    "Reaction",
    "Report",
    "Room",
    "ThreadFollower",
]
