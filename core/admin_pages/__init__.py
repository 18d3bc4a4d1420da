"""What the admin's pages of every app are made of: permissions, lists that never count, names looked up once, confirmation.

Nothing here knows a domain: apps register what they can name, which pages they add and what they can
tell about the system's state.
"""

from core.admin_pages.base import AdministratorAdmin, ReadOnlyAdmin, ReadOnlyInline
from core.admin_pages.confirm import Confirmation, confirm
from core.admin_pages.keyset import KeysetAdmin

__all__ = ["AdministratorAdmin", "Confirmation", "KeysetAdmin", "ReadOnlyAdmin", "ReadOnlyInline", "confirm"]
