"""What a gateway driver is: it talks to one kind of gateway and to nothing else, no database either.

A driver raises `GatewayError`, whose `verdict` says what is to become of the message. Its times are in seconds.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from modules.whatsapp.choices import Driver, MessageStatus, MessageType, SessionStatus


class Verdict(enum.Enum):
    """What a failed call means for the message."""

    RETRY = "retry"  # it was not sent: try again later
    FAIL = "fail"  # it was not and will not be sent
    AMBIGUOUS = "ambiguous"  # it may have been sent
    PAUSE = "pause"  # not sent; the number must rest
    ACTION = "action"  # not sent; somebody must mend the session first


class GatewayError(Exception):
    """A call did not do what it should. `code` is stable, `message` is for people and holds nothing of the request.

    `wait_base` asks for waits of that number to the power of the tries instead of the usual ones.
    """

    def __init__(
        self, verdict: Verdict, code: str, message: str, *, retry_after: float | None = None, wait_base: int | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.verdict = verdict
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.wait_base = wait_base


class BadHook(Exception):
    """A gateway's call that is not signed with the session's secret, or makes no sense."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a driver can do. `window`: free text only within a day of the recipient's last message."""

    qr: bool = False
    pairing_code: bool = False
    templates: bool = False
    number_check: bool = False
    client_message_id: bool = False
    window: bool = False
    logout: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one number may send: messages a second, how many at once, seconds between two to one recipient (0: none), and
    calls under way at a time.
    """

    per_second: float
    burst: int
    pair_seconds: float = 0.0
    concurrency: int = 1


@dataclass(frozen=True, slots=True)
class Link:
    """A session as a driver sees it."""

    name: str
    secrets: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any]
    status: str
    status_changed_at: datetime
    hook_url: str
    pairing_number: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to send."""

    content: bytes = field(repr=False)
    mime_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. `client_message_id` is empty where the driver takes none; `chat_id` where none is known."""

    id: UUID
    recipient: str
    kind: MessageType
    content: str = field(repr=False)
    chat_id: str = ""
    client_message_id: str = ""
    template: Mapping[str, Any] | None = None
    attachment: Attachment | None = None
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Followup:
    """What the sandbox will say of a message, after so many seconds."""

    after: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The gateway took a message: what it calls it and its recipient."""

    provider_id: str
    chat_id: str = ""
    followups: Sequence[Followup] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands at the gateway. `reason` is a stable code where something is wrong."""

    status: SessionStatus
    phone_number: str = ""
    display_name: str = ""
    qr_code: str = ""
    pairing_code: str = ""
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """Whether a number has WhatsApp, and its id there."""

    exists: bool
    chat_id: str = ""


@dataclass(frozen=True, slots=True)
class HookPart:
    """One thing a gateway's call tells: its id, what is kept of it until it is worked off, and for which number it is where one
    address serves many.
    """

    event_id: str
    payload: Mapping[str, Any]
    routing_id: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What became of a message, which is found by any of the ids; `pauses` says that its number must rest for it."""

    status: MessageStatus
    at: datetime | None
    provider_id: str = ""
    client_message_id: str = ""
    message_id: UUID | None = None
    error_code: str = ""
    error_message: str = ""
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file of an inbound message: where the driver can fetch it."""

    reference: str
    mime_type: str = ""
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that came in. `sender` is in E.164 where the gateway tells the number, else its id."""

    provider_id: str
    sender: str
    kind: MessageType
    content: str
    at: datetime | None
    chat_id: str = ""
    name: str = ""
    file: IncomingFile | None = None
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class SessionNews:
    """Something about the session changed: the gateway is to be asked."""


Word = Acknowledgement | Incoming | SessionNews


@dataclass(frozen=True, slots=True)
class Credential:
    """Something a session needs to be told: its name, what it is, whether it may be left out."""

    name: str
    help_text: str
    required: bool = True
    secret: bool = True


class Gateway(ABC):
    """The base of all drivers. Methods raise GatewayError; those a driver's capabilities exclude are never called."""

    driver: ClassVar[Driver]
    # Whether it can be asked within a request: it never leaves the process.
    is_immediate: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities]
    pace: ClassVar[Pace]
    credentials: ClassVar[tuple[Credential, ...]] = ()

    def is_configured(self, secrets: Mapping[str, str]) -> bool:
        """Whether all it needs is known, from the session or from the settings."""
        return True

    def routing_id(self, secrets: Mapping[str, str]) -> str | None:
        """What its calls to us call the number, where one address serves many."""
        return None

    @abstractmethod
    def start(self, link: Link) -> Standing:
        """Bring a session up, or further on its way. Twice is harmless."""

    @abstractmethod
    def status(self, link: Link) -> Standing:
        """Where it stands now."""

    def restart(self, link: Link) -> Standing:
        """Down and up again, without forgetting the phone."""
        return self.start(link)

    @abstractmethod
    def stop(self, link: Link, *, forget: bool) -> None:
        """Bring it down; with `forget` the phone is unlinked too. Twice is harmless."""

    def id_of(self, message_id: UUID) -> str:
        """What a message is called there, where the name can be ours alone; else empty."""
        return ""

    def reserve_id(self, link: Link) -> str:
        """A name for the next message, where the gateway makes them; empty where it makes none."""
        return ""

    @abstractmethod
    def send(self, link: Link, message: Outgoing) -> Receipt:
        """Send one message."""

    def check_number(self, link: Link, number: str) -> NumberCheck:
        """Whether a number (E.164) has WhatsApp. Asked only of drivers with `number_check`."""
        raise NotImplementedError

    def fetch(self, link: Link, reference: str, *, max_bytes: int) -> bytes:
        """A file of an inbound message. Asked only where the driver told of one."""
        raise NotImplementedError

    @abstractmethod
    def verify_hook(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        """Check a call's signature over its raw body, in constant time. Header names are in lower case. Raises BadHook."""

    @abstractmethod
    def split_hook(self, payload: Mapping[str, Any]) -> Sequence[HookPart]:
        """What a verified call tells, one by one. Raises BadHook when it is of another shape."""

    @abstractmethod
    def read(self, payload: Mapping[str, Any]) -> Sequence[Word]:
        """What one part says. Raises BadHook when it is of another shape."""
