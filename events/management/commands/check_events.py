"""`manage.py check_events`: docs/events.md says what the catalogue of event types says, and the catalogue says everything."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from core.snapshot import SnapshotCommand
from events.catalogue import EventType, event_types, undescribed
from events.streams import stream_kinds

PAGE = Path(__file__).resolve().parents[3] / "docs" / "events.md"
_HEAD = """# Events

Made from the code by `manage.py check_events --write`; do not edit.

Every change worth knowing is an event. Events form streams (`user:<id>`), and in a stream each has the next `seq`: 1, 2, 3 …
without a gap. They are kept for 30 days (`EVENT_RETENTION_DAYS`) and reach you in three ways, at least once each; drop what you
have seen by `id`, or by `seq` within a stream.

| way | one event |
|---|---|
| webhook ([Standard Webhooks](openapi.yaml) 1.0) | `{"type", "timestamp", "id", "stream", "seq", "data"}` |
| `GET /api/v1/events/?stream=…&since=…` | the same fields, in a list |
| socket `/ws/v1/` (`GET /api/schema/asyncapi`) | `{"t", "s", "seq", "ts", "id", "d"}`: type, stream, seq, ms, id, data |

`data` (`d`) is described below for each type. Every field named there is always present; fields may be added, so ignore those
you do not know. Times are UTC.
"""


class Command(SnapshotCommand):
    """Compares the generated page with docs/events.md; --write makes the new one."""

    help = "Check docs/events.md against the catalogue of event types, or write it."
    name = "check_events"
    subject = "The events"

    def committed(self) -> Path:
        """The page."""
        return PAGE

    def make(self) -> tuple[str, str]:
        """The page, when the catalogue says everything."""
        types = event_types()
        if missing := gaps(types):
            raise CommandError("The catalogue is not whole:\n" + "\n".join(missing))
        return page(types), f"{len(types)} types"


def gaps(types: Iterable[EventType]) -> list[str]:
    """What the catalogue does not say, in sentences."""
    found = []
    for kind in types:
        if not kind.description:
            found.append(f"{kind.name}: no description")
        found += [f"{kind.name}: {field} lacks a description or an example" for field in undescribed(kind)]
        found += [f"{kind.name}: there is no kind of stream {name!r}" for name in kind.streams if name not in stream_kinds()]
    return found


def page(types: Iterable[EventType]) -> str:
    """The whole page, as Markdown."""
    types = list(types)
    lines = [_HEAD, "## Streams", "", "| stream | events |", "|---|---|"]
    lines += [f"| `{kind.name}:<id>` | {kind.description} |" for kind in sorted(stream_kinds().values(), key=lambda k: k.name)]
    lines += ["", "## Types", "", "| type | when |", "|---|---|"]
    lines += [f"| [`{kind.name}`](#{kind.name.replace('.', '')}) | {_cell(kind.description)} |" for kind in types]
    for kind in types:
        lines += ["", *_section(kind)]
    return "\n".join(lines) + "\n"


def _section(kind: EventType) -> Iterator[str]:
    streams = ", ".join(f"`{name}:<id>`" for name in kind.streams)
    yield from (f"## {kind.name}", "", kind.description, "", f"Stream: {streams}" if streams else "In no stream.", "")
    yield from ("| field | type | meaning |", "|---|---|---|")
    for name, part in _fields(kind.schema()["properties"]):
        yield f"| `{name}` | {_type(part)} | {_cell(part.get('description', ''))} |"
    yield from ("", "```json", json.dumps(kind.example(), indent=2, ensure_ascii=False), "```")


def _fields(properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field with its schema; those of objects inside are named by their path."""
    for name, part in properties.items():
        yield before + name, part
        inner = part.get("items", part)
        yield from _fields(inner.get("properties", {}), f"{before}{name}{'[]' if 'items' in part else ''}.")


def _type(part: dict[str, Any]) -> str:
    """A schema's type in words."""
    if "enum" in part:
        return " or ".join(f"`{json.dumps(value)}`" for value in part["enum"])
    if "anyOf" in part:
        return " or ".join(_type(option) for option in part["anyOf"])
    if part.get("type") == "array":
        return f"array of {_type(part.get('items', {}))}"
    kind = str(part.get("type", "any"))
    return f"{kind} ({part['format']})" if "format" in part else kind


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
