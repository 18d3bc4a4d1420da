"""The catalogue of event types: frozen dataclasses whose fields are the public payload.

    @event_type("user.created")
    @dataclass(frozen=True, slots=True)
    class UserCreated:
        '''An account was created.'''

        user: Annotated[UUID, Meta(description="The account's id.")]

Each app keeps its own in `<app>/events.py`, which is imported for every installed app; a module that is switched off has none.
The field types are what `msgspec` can describe as JSON Schema and what orjson writes: text, numbers, booleans, UUID, datetime,
lists, literals, other such dataclasses, and None.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from inspect import getdoc
from typing import Any, TypeVar, get_type_hints

import msgspec
from django.utils.module_loading import module_has_submodule

from core.registry import domain_apps

T = TypeVar("T", bound=type)
_NAME = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")
_REF = "#/components/schemas/{name}"
_types: dict[str, "EventType"] = {}


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: its public name, what it means, its payload class, and the kinds of stream it appears on."""

    name: str
    description: str
    payload: type[Any]
    streams: tuple[str, ...]

    def schema(self) -> dict[str, Any]:
        """The payload as a JSON Schema (2020-12), complete in itself."""
        (schema,), components = msgspec.json.schema_components([self.payload], ref_template=_REF)
        reference = schema.get("$ref", "").rpartition("/")[2]
        found = dict(components.pop(reference)) if reference else dict(schema)
        if components:
            found = _inlined(found, components)
        found.pop("title", None)
        found["description"] = self.description
        # A default is a convenience of who publishes: what is published has every field.
        found["required"] = list(found.get("properties", ()))
        return found

    def example(self) -> dict[str, Any]:
        """A payload made of the first example of each field."""
        made: dict[str, Any] = _example(self.schema())
        return made


def event_type(name: str, *, streams: tuple[str, ...] = ("user",)) -> Callable[[T], T]:
    """Give a frozen dataclass its place in the catalogue. Raises TypeError for a bad or taken name or another sort of class."""

    def register(payload: T) -> T:
        if not _NAME.fullmatch(name) or len(name) > 64:
            raise TypeError(f"{name!r} is not a name of an event type")
        if not is_dataclass(payload) or not payload.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise TypeError(f"{payload.__name__} must be a frozen dataclass")
        known = _types.get(name)
        if known is not None and known.payload.__qualname__ != payload.__qualname__:
            raise TypeError(f"{name!r} is taken by {known.payload.__qualname__}")
        _types[name] = EventType(name, " ".join((getdoc(payload) or "").split()), payload, streams)
        payload.event_type = name  # type: ignore[attr-defined]
        return payload

    return register


@cache
def _load() -> None:
    for config in domain_apps():
        if module_has_submodule(config.module, "events"):
            import_module(f"{config.name}.events")


def event_types() -> list[EventType]:
    """Every type of the installed apps, by name."""
    _load()
    return [_types[name] for name in sorted(_types)]


def find(name: str) -> EventType | None:
    """The type of that name."""
    _load()
    return _types.get(name)


def undescribed(kind: EventType) -> list[str]:
    """The fields that lack a description or an example, for the test that holds the catalogue to its promise."""
    get_type_hints(kind.payload, include_extras=True)
    properties = kind.schema()["properties"]
    return [
        field.name
        for field in fields(kind.payload)
        if "description" not in properties[field.name] or not {"examples", "default", "properties"} & set(properties[field.name])
    ]


def _example(part: dict[str, Any]) -> Any:
    if "properties" in part:
        return {name: _example(inner) for name, inner in part["properties"].items()}
    return (part.get("examples") or [part.get("default")])[0]


def _inlined(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(components[node["$ref"].rpartition("/")[2]], components)
        return {key: _inlined(value, components) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(item, components) for item in node]
    return node
