"""What apps let clients say on the socket besides following streams."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
