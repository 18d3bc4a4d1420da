"""The page that says how the system is: each app registers what it can tell; one that fails does not take the others along."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import admin
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse

from core.redis import RedisAway


@dataclass(frozen=True, slots=True)
class Reading:
    """One line: what, its value, a remark. `tone` is `success`, `warning`, `danger` or empty."""

    name: str
    value: str
    remark: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Readings that belong together."""

    title: str
    readings: list[Reading]


Reader = Callable[[], list[Reading]]
_readers: list[tuple[int, str, Reader]] = []


def register_section(title: str, reader: Reader, *, order: int = 0) -> None:
    """Add a section, once, from an app's admin module; those of a higher order come later."""
    _readers.append((order, title, reader))


def sections() -> list[Section]:
    """Every section as it is now."""
    return [Section(title, _read(reader)) for _, title, reader in sorted(_readers, key=lambda entry: entry[0])]


def _read(reader: Reader) -> list[Reading]:
    try:
        with transaction.atomic():
            return reader()
    except RedisAway:
        return [Reading("Unknown", "Redis is away", "The API goes on without it; this shows again when it is back.", "danger")]
    except (DatabaseError, OSError) as error:
        return [Reading("Unknown", type(error).__name__, str(error)[:200], "danger")]


def state_page(request: HttpRequest) -> TemplateResponse:
    """The page."""
    context = {**admin.site.each_context(request), "title": "State of the system", "sections": sections()}
    return TemplateResponse(request, "core/admin/state.html", context)
