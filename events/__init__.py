"""The durable event log: one line publishes in the caller's transaction; sockets and webhooks read it.

`events.publish(UserCreated(...), stream=f"user:{user.pk}")`. The row in PostgreSQL is the truth, Redis only makes it quick.
"""

from events.publishing import Position, Published, publish, publish_ephemeral

__all__ = ["Position", "Published", "publish", "publish_ephemeral"]
