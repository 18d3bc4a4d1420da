"""Close codes, limits and error codes of the socket."""

from enum import IntEnum

AUTH_SECONDS = 5.0
PING_SECONDS = 25
MAX_FRAME_BYTES = 65_536
MAX_STREAMS = 200
MAX_STREAMS_PER_FRAME = 50
QUEUE_FRAMES = 256
QUEUE_BYTES = 1024 * 1024
# Beyond this many waiting frames, ephemeral ones are dropped.
EPHEMERAL_QUEUE_FRAMES = 64
# Commands of one connection: a burst, then so many a second.
COMMAND_BURST = 60
COMMANDS_PER_SECOND = 20.0


class Close(IntEnum):
    """Why the server closes, as the client sees it."""

    PROTOCOL = 4400
    AUTH = 4401
    FORBIDDEN = 4403
    SLOW = 4408
    TOO_MANY = 4409
    RESTART = 4412
