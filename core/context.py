"""What is known about the request being served, for log lines, audit entries and tasks."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """The request's id and address, and who was found to be calling."""

    request_id: str = ""
    ip_address: str | None = None
    user_agent: str = ""
    via: str = ""


_current: ContextVar[RequestContext] = ContextVar("atelier_request", default=RequestContext())  # noqa: B039 - never mutated


def current() -> RequestContext:
    """The context of the running request or task; an empty one outside both."""
    return _current.get()


def enter(context: RequestContext) -> None:
    """Make `context` the running one for this thread; the next request replaces it."""
    _current.set(context)
