"""What WhatsApp tells, each on the stream `user:<id of the account>`: the fields are the public payload."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

_ID = "0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a44"
SessionID = Annotated[UUID, Meta(description="The session's id.", examples=[_ID])]
MessageID = Annotated[UUID, Meta(description="The message's id.", examples=[_ID])]
Recipient = Annotated[str, Meta(description="The other party's number, E.164.", examples=["+14155552671"])]
Reference = Annotated[str, Meta(description="What the sender called it; may be empty.", examples=["order-1042"])]
Moment = Annotated[datetime, Meta(tz=True, description="When, UTC.", examples=["2026-01-05T09:00:00Z"])]
IsSandbox = Annotated[bool, Meta(description="Whether this is the sandbox: nothing left the house.", examples=[True])]
MessageKind = Annotated[
    Literal["text", "image", "video", "audio", "document", "template", "other"],
    Meta(description="What was sent.", examples=["text"]),
]


@event_type("whatsapp.session.changed")
@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A session changed its state. At `qr_ready` there is a (new) code to fetch from `/api/v1/sessions/qr/`."""

    session: SessionID
    status: Annotated[
        Literal["disconnected", "connecting", "qr_ready", "connected", "action_required", "failed"],
        Meta(description="The new state.", examples=["connected"]),
    ]
    reason: Annotated[str, Meta(description="A stable code of why, or empty.", examples=["unlinked"])]
    phone_number: Annotated[str, Meta(description="The connected number, or empty.", examples=["+14155552671"])]
    is_sandbox: IsSandbox


@event_type("whatsapp.message.queued")
@dataclass(frozen=True, slots=True)
class MessageQueued:
    """A message was accepted and waits for its turn."""

    message: MessageID
    recipient: Recipient
    message_type: MessageKind
    client_reference: Reference
    send_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None, Meta(description="When it is to be sent; null for now.", examples=[None])
    ]
    is_sandbox: IsSandbox


@event_type("whatsapp.message.sent")
@dataclass(frozen=True, slots=True)
class MessageSent:
    """The gateway took a message."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.delivered")
@dataclass(frozen=True, slots=True)
class MessageDelivered:
    """A message reached the recipient's phone."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.read")
@dataclass(frozen=True, slots=True)
class MessageRead:
    """The recipient has read a message."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.failed")
@dataclass(frozen=True, slots=True)
class MessageFailed:
    """A message will not arrive. `failed` may follow `sent`."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    error_code: Annotated[str, Meta(description="A stable code.", examples=["not_on_whatsapp"])]
    error_message: Annotated[str, Meta(description="A sentence for people.", examples=["The recipient has no WhatsApp."])]
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.unknown")
@dataclass(frozen=True, slots=True)
class MessageUnknown:
    """Whether a message was sent cannot be told; a later acknowledgement, or a person, settles it."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    error_code: Annotated[str, Meta(description="A stable code.", examples=["gateway_timed_out"])]
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.cancelled")
@dataclass(frozen=True, slots=True)
class MessageCancelled:
    """A message was taken back before it was sent."""

    message: MessageID
    recipient: Recipient
    client_reference: Reference
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.message.received")
@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Somebody wrote. The text and media are read over REST."""

    message: MessageID
    sender: Annotated[
        str, Meta(description="Who wrote: a number in E.164, or the gateway's id where none is known.", examples=["+14155552671"])
    ]
    message_type: MessageKind
    has_media: Annotated[bool, Meta(description="Whether there is a file.", examples=[False])]
    at: Moment
    is_sandbox: IsSandbox


@event_type("whatsapp.contact.opted_out")
@dataclass(frozen=True, slots=True)
class ContactOptedOut:
    """Somebody wants no more messages: nothing is sent there from now on."""

    recipient: Recipient
    source: Annotated[Literal["inbound", "api", "admin"], Meta(description="Who said so.", examples=["inbound"])]
    is_sandbox: IsSandbox


@event_type("whatsapp.bulk.changed")
@dataclass(frozen=True, slots=True)
class BulkChanged:
    """A bulk was begun, paused, resumed or cancelled, or all of its messages are off the queue."""

    bulk: Annotated[UUID, Meta(description="The bulk's id.", examples=[_ID])]
    status: Annotated[
        Literal["running", "paused", "cancelled", "finished"], Meta(description="The new state.", examples=["finished"])
    ]
    accepted: Annotated[int, Meta(description="How many messages it has.", examples=[120])]
    rejected: Annotated[int, Meta(description="How many recipients were refused.", examples=[3])]
    is_sandbox: IsSandbox
