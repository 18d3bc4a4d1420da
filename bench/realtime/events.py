"""The event that the benchmark publishes."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from events.catalogue import event_type


@event_type("bench.said")
@dataclass(frozen=True, slots=True)
class Said:
    """Something was said."""

    stamp: Annotated[int, Meta(description="When, in nanoseconds of the monotonic clock.", examples=[1])]
    text: Annotated[str, Meta(description="What.", examples=["hello"])]
