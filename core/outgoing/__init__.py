"""The safe client for outgoing requests: the only way out of the house.

It resolves a host itself, refuses addresses that are not public, and connects to the very address it checked, so a name that
turns private on a second look-up (DNS rebinding) gains nothing. Each redirect, when followed at all, is a new hop with the same
checks. Time is capped over the whole exchange and the body in size.
"""

from core.outgoing.client import OutgoingResponse, check_url, request
from core.outgoing.exceptions import AddressRefused, OutgoingFailed, OutgoingTimedOut, ResponseTooLarge
from core.outgoing.multipart import encode as multipart

__all__ = [
    "AddressRefused",
    "OutgoingFailed",
    "OutgoingResponse",
    "OutgoingTimedOut",
    "ResponseTooLarge",
    "check_url",
    "multipart",
    "request",
]
