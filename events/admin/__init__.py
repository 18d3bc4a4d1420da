"""The event log in the admin, to look at: events, the heads of streams, and who is connected right now."""

from events.admin import live, state
from events.admin.heads import StreamAdmin
from events.admin.log import EventAdmin

__all__ = ["EventAdmin", "StreamAdmin", "live", "state"]
