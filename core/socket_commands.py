"""What apps let clients say on the socket besides following streams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.exceptions import DomainError
from core.principals import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """One command: who says it, from which address, and the frame as it came, of which nothing was checked but `id` and `t`."""

    principal: Principal
    address: str | None
    frame: dict[str, Any]


# What a call comes to: what is answered with `ok`, or why not.
Outcome = dict[str, Any] | DomainError
# Carries out calls that came together, and says in their order what became of each. It may block and read the database; each
# connection has one call under way at a time. What it raises is taken for all of them.
Handler = Callable[[Sequence[Call]], Sequence[Outcome]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command with what the AsyncAPI document says of it: properties in JSON Schema, and examples that fit them.

    `apart` names the field of the frame by which calls wait for each other: of those with the same value only one batch at a time
    is under way, so that none of them holds up others while it waits for what a batch before it has locked.
    """

    handler: Handler
    summary: str
    fields: Mapping[str, Any]
    example: Mapping[str, Any]
    optional: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    answer_example: Mapping[str, Any] = field(default_factory=dict)
    apart: str | None = None

    def __call__(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        """Carry out calls that came together."""
        return self.handler(calls)


def command(**documented: Any) -> Callable[[Handler], Command]:
    """Make a handler a command; the arguments are the other fields of `Command`."""
    return lambda handler: Command(handler, **documented)
