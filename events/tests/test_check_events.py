"""The catalogue says everything, docs/events.md says the same, and the command holds them together."""

from dataclasses import dataclass
from typing import Annotated

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator
from msgspec import Meta

from events.catalogue import EventType, event_types, undescribed
from events.management.commands import check_events
from events.tests.support import Happened


@dataclass(frozen=True, slots=True)
class Inner:
    """A part."""

    name: Annotated[str, Meta(description="Its name | in short.", examples=["part"])]


@dataclass(frozen=True, slots=True)
class Bare:
    """Something with gaps."""

    told: Annotated[int | None, Meta(description="A number.", examples=[1])]
    parts: Annotated[list[Inner], Meta(description="Parts.", examples=[[{"name": "part"}]])]
    untold: str
    without_example: Annotated[str, Meta(description="Nobody knows what it looks like.")]


BARE = EventType("sample.bare", "", Bare, ("moon",))


def test_every_type_is_wholly_described():
    assert event_types()
    assert check_events.gaps(event_types()) == []


def test_every_example_fits_its_schema_which_requires_every_field():
    for kind in event_types():
        schema = kind.schema()
        assert schema["required"] == list(schema["properties"])
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(kind.example())


def test_gaps_are_named():
    assert undescribed(BARE) == ["untold", "without_example"]
    assert check_events.gaps([BARE]) == [
        "sample.bare: no description",
        "sample.bare: untold lacks a description or an example",
        "sample.bare: without_example lacks a description or an example",
        "sample.bare: there is no kind of stream 'moon'",
    ]


def test_a_page_names_each_field_with_its_type_and_those_inside():
    lines = check_events.page([BARE]).splitlines()
    assert "| `told` | integer or null | A number. |" in lines
    assert "| `parts` | array of object | Parts. |" in lines
    assert "| `parts[].name` | string | Its name \\| in short. |" in lines
    assert "Stream: `moon:<id>`" in lines


def test_every_type_has_its_section():
    kept = check_events.PAGE.read_text()
    for kind in event_types():
        assert f"\n## {kind.name}\n\n{kind.description}\n" in kept
        assert f"(#{kind.name.replace('.', '')})" in kept


def test_another_page_is_refused_with_what_differs_and_writing_makes_it_the_kept_one(tmp_path, monkeypatch, capsys):
    page = tmp_path / "docs" / "events.md"
    monkeypatch.setattr(check_events, "PAGE", page)
    with pytest.raises(CommandError, match="The events changed"):
        call_command("check_events")
    call_command("check_events", "--write")
    call_command("check_events")
    assert "as committed" in capsys.readouterr().out
    page.write_text(page.read_text().replace("user.created", "user.made"))
    with pytest.raises(CommandError, match=r"user\.made"):
        call_command("check_events")


def test_a_catalogue_with_gaps_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    page = tmp_path / "events.md"
    monkeypatch.setattr(check_events, "PAGE", page)
    monkeypatch.setattr(check_events, "event_types", lambda: [EventType("sample.happened", "In a test.", Happened, ()), BARE])
    with pytest.raises(CommandError, match="untold"):
        call_command("check_events", "--write")
    assert not page.exists()


def test_the_committed_page_is_the_generated_one():
    assert check_events.PAGE.read_text() == check_events.page(event_types())
