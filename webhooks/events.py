"""What webhooks tell of themselves: the fields are the public payload."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from events.catalogue import event_type

EndpointID = Annotated[UUID, Meta(description="The endpoint's id.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a22"])]


@event_type("webhook.disabled")
@dataclass(frozen=True, slots=True)
class WebhookDisabled:
    """An endpoint was switched off because its receiver is gone or kept failing. It goes to the owner's other endpoints."""

    webhook: EndpointID
    url: Annotated[str, Meta(description="Where it sent to, without the query.", examples=["https://example.com/hooks"])]
    reason: Annotated[
        Literal["gone", "failing"],
        Meta(description="`gone`: answered 410. `failing`: a delivery failed to its last attempt.", examples=["failing"]),
    ]


@event_type("webhook.test", streams=())
@dataclass(frozen=True, slots=True)
class WebhookTest:
    """Sent to one endpoint when its owner asks for a test. It is in no stream."""

    webhook: EndpointID
    message: Annotated[str, Meta(description="A greeting.", examples=["This is a test."])]
