"""What may go wrong in a domain, without a word of HTTP. One handler maps these to answers.

Each class has a stable `code`; app subclasses set their own. `message` is for people, `details` name the fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its name (dotted when nested), a stable code, a sentence."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """The base of every refusal a service can raise."""

    code: ClassVar[str] = "error"
    default_message: ClassVar[str] = "The request could not be carried out."

    def __init__(
        self,
        message: str = "",
        *,
        details: Sequence[FieldError] = (),
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = tuple(details)
        self.stable_code = code or self.code
        self.retry_after = retry_after
        super().__init__(self.message)


class NotFound(DomainError):
    """The thing does not exist for this caller."""

    code = "not_found"
    default_message = "Not found."


class Conflict(DomainError):
    """The state of things does not allow it now."""

    code = "conflict"
    default_message = "This conflicts with the current state."


class NotAllowed(DomainError):
    """A known caller who may not do this."""

    code = "permission_denied"
    default_message = "You may not do this."


class Invalid(DomainError):
    """The input is wrong; `details` say where."""

    code = "invalid"
    default_message = "The input is not valid."

    @classmethod
    def field(cls, field: str, message: str, code: str = "invalid") -> "Invalid":
        """An error about one field."""
        return cls(details=[FieldError(field, code, message)])


class Unprocessable(DomainError):
    """Well-formed, but it contradicts an earlier request."""

    code = "unprocessable"
    default_message = "This contradicts an earlier request."


class NotAuthenticated(DomainError):
    """Missing or refused credentials."""

    code = "not_authenticated"
    default_message = "Credentials are required."


class LimitExceeded(DomainError):
    """Too much of something; `retry_after` is in seconds."""

    code = "rate_limited"
    default_message = "Too many requests."


class UpstreamFailed(DomainError):
    """A service we depend on failed or answered nonsense."""

    code = "upstream_failed"
    default_message = "A service this depends on failed."


class Failed(DomainError):
    """Something of ours broke; it is logged, and nothing of it is told."""

    code = "internal_error"
    default_message = "Something went wrong on our side."


class Unavailable(DomainError):
    """Something of ours is away; trying again later will help."""

    code = "unavailable"
    default_message = "The service is temporarily unavailable."

    def __init__(self, message: str = "", *, retry_after: float = 5.0) -> None:
        super().__init__(message, retry_after=retry_after)
