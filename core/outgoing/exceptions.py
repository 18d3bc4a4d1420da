"""How an outgoing request fails. `permanent` says whether trying again can help."""

from typing import ClassVar

from core.exceptions import UpstreamFailed


class OutgoingFailed(UpstreamFailed):
    """No usable answer: not resolved, refused, timed out, broken off. `unsent`: surely nothing was sent."""

    code = "outgoing_failed"
    permanent: ClassVar[bool] = False

    def __init__(self, message: str = "", *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class OutgoingTimedOut(OutgoingFailed):
    """There was no whole answer in the time given."""

    code = "outgoing_timed_out"


class AddressRefused(OutgoingFailed):
    """The address is not one we connect to: not public, not http(s), with credentials, or a forbidden port."""

    code = "address_refused"
    permanent = True


class ResponseTooLarge(OutgoingFailed):
    """The answer is larger than the cap."""

    code = "response_too_large"
    permanent = True
