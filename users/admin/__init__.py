"""Accounts in the admin: people, their sessions, the letters to them, and how administrators themselves sign in."""

from users.admin import passwords
from users.admin.letters import OutgoingMailAdmin
from users.admin.people import UserAdmin
from users.admin.sessions import SessionAdmin

__all__ = ["OutgoingMailAdmin", "SessionAdmin", "UserAdmin", "passwords"]
