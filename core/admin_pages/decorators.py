"""unfold's decorators with types: how a column is shown, and a button of a page."""

from collections.abc import Callable
from typing import Any, TypeVar

from unfold import decorators

F = TypeVar("F", bound=Callable[..., Any])


def display(*, description: str, **options: Any) -> Callable[[F], F]:
    """A column: `label` colours its values, `ordering` names what it is sorted by."""
    decorate: Callable[[F], F] = decorators.display(description=description, **options)
    return decorate


def button(*, description: str, **options: Any) -> Callable[[F], F]:
    """A button on a thing's page: it leads to a page that asks, and only a POST does anything."""
    decorate: Callable[[F], F] = decorators.action(description=description, **options)
    return decorate
