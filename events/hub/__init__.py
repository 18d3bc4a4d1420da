"""The fan-out hub of one process: from Redis announcements to the connections that follow a stream.

No channel layer: one Redis pub/sub connection for the whole process, subscriptions counted, each event encoded once. What a
lost announcement or a Redis outage leaves out is found by comparing heads with PostgreSQL every few seconds. Everything here runs
on one event loop; the database is read in threads.
"""

from events.hub.feed import Feed, Frame, Subscriber
from events.hub.hub import Hub, Recovery

__all__ = ["Feed", "Frame", "Hub", "Recovery", "Subscriber"]
