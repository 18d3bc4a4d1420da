"""The event log and the process that holds sockets."""

from config.settings.env import env

# Events, and how far back a stream can be resumed.
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 30)
# One user's sockets in one realtime process.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", 20)
# Requests of one web process that may wait for events at a time; each holds a thread. Others are answered at once.
LONG_POLLS_PER_PROCESS = env.int("LONG_POLLS_PER_PROCESS", 2)
