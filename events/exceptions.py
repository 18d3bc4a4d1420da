"""How following a stream fails."""

from core.exceptions import NotFound, Unavailable


class StreamNotFound(NotFound):
    """No such kind of stream, or one the caller may not follow: the two are not told apart."""

    code = "stream_not_found"
    default_message = "There is no such stream, or you may not follow it."


class TicketsUnavailable(Unavailable):
    """Tickets live in Redis, and Redis is away. A token or a key still opens the socket."""

    code = "tickets_unavailable"
    default_message = "Tickets are not available at the moment; sign in to the socket with a token or a key, or try again."
