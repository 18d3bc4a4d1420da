"""Names of things that are kept by id only, and pages about them: apps register what they know, whoever shows an id asks here.

It lets the request log show a key's name although its app knows nothing of keys.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

MAX_FOUND = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing: names by id, ids by what a person types (at most MAX_FOUND), and the route of its page."""

    names: Callable[[Collection[UUID]], dict[UUID, str]]
    find: Callable[[str], list[UUID]]
    page: str


@dataclass(frozen=True, slots=True)
class Link:
    """A way from one thing to a list about it."""

    title: str
    url: str
    icon: str


_kinds: dict[str, Kind] = {}
_links: dict[str, list[Callable[[UUID], Link]]] = {}


def register(name: str, kind: Kind) -> None:
    """Make a kind known, once, from the admin module of the app that owns it."""
    _kinds[name] = kind


def register_link(name: str, make: Callable[[UUID], Link]) -> None:
    """Offer a list about things of a kind, on their page."""
    _links.setdefault(name, []).append(make)


def names(name: str, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of many things in one query; what is gone has none."""
    wanted = {one for one in ids if one is not None}
    kind = _kinds.get(name)
    return kind.names(wanted) if kind and wanted else {}


def find(name: str, text: str) -> list[UUID]:
    """The things a person may mean: an id, or what the kind's app understands."""
    try:
        return [UUID(text.strip())]
    except ValueError:
        kind = _kinds.get(name)
        return kind.find(text.strip())[:MAX_FOUND] if kind else []


def links(name: str, key: UUID) -> list[Link]:
    """The lists about one thing."""
    return [make(key) for make in _links.get(name, [])]


def show(name: str, key: Any, label: str | None) -> SafeString | str:
    """A link to the page of a thing; its bare id when it is gone or of a kind nobody knows."""
    if not key:
        return "-"
    kind = _kinds.get(name)
    if kind is None or label is None:
        return format_html('<span class="font-mono text-xs">{}</span>', label or key)
    return format_html(
        '<a class="text-primary-600 hover:underline dark:text-primary-500" href="{}">{}</a>',
        reverse(kind.page, args=[key]),
        label,
    )


def knows(name: str) -> bool:
    """Whether somebody registered the kind."""
    return name in _kinds
