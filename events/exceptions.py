"""How following a stream fails."""

from core.exceptions import NotFound


class StreamNotFound(NotFound):
    """No such kind of stream, or one the caller may not follow: the two are not told apart."""

    code = "stream_not_found"
    default_message = "There is no such stream, or you may not follow it."
