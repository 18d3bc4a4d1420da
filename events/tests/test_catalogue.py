"""The catalogue: what can be in it, and that what is in it is wholly described."""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import orjson
import pytest
from msgspec import Meta

from core.registry import domain_apps
from events import catalogue, frames
from events.catalogue import event_type, event_types, find, undescribed
from events.streams import stream_kinds


@pytest.fixture(autouse=True)
def _what_a_test_adds_is_gone_after_it():
    event_types()
    before = dict(catalogue._types)
    yield
    catalogue._types.clear()
    catalogue._types.update(before)


def a_class(name="Sample", *, frozen=True):
    return dataclass(frozen=frozen)(type(name, (), {"__annotations__": {"number": int}, "__doc__": "A\n    sample."}))


class TestNames:
    @pytest.mark.parametrize(
        "name", ["user", "User.created", "user.", ".created", "user.created!", "user..x", "1.x", "a.b\n", "a." + "b" * 63]
    )
    def test_a_bad_one_is_refused(self, name):
        with pytest.raises(TypeError, match="not a name"):
            event_type(name)(a_class())
        assert find(name) is None

    def test_one_that_is_taken_is_refused(self):
        event_type("sample.made")(a_class("One"))
        with pytest.raises(TypeError, match="taken by One"):
            event_type("sample.made")(a_class("Other"))
        assert find("sample.made").payload.__name__ == "One"

    def test_the_same_class_may_be_read_twice(self):
        event_type("sample.made")(a_class("One"))
        again = event_type("sample.made")(a_class("One"))
        assert find("sample.made").payload is again

    @pytest.mark.parametrize("thing", [a_class(frozen=False), type("Plain", (), {})])
    def test_only_frozen_dataclasses_are_taken(self, thing):
        with pytest.raises(TypeError, match="frozen dataclass"):
            event_type("sample.made")(thing)

    def test_the_class_knows_its_name_and_its_docstring_is_the_description(self):
        made = event_type("sample.made", streams=("room",))(a_class())
        kind = find("sample.made")
        assert made.event_type == kind.name == "sample.made"
        assert kind.description == "A sample."
        assert kind.streams == ("room",)


class TestSchemas:
    def test_nested_parts_are_written_out_and_the_example_is_made_of_the_fields(self):
        @dataclass(frozen=True)
        class Part:
            """A part."""

            size: Annotated[int, Meta(description="How large.", examples=[3])]

        @event_type("sample.made")
        @dataclass(frozen=True)
        class Made:
            """Something was made."""

            id: Annotated[UUID, Meta(description="Which.", examples=["0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"])]
            at: Annotated[datetime | None, Meta(description="When.", examples=[None])]
            parts: Annotated[list[Part], Meta(description="Of what.", examples=[[{"size": 3}]])]
            state: Annotated[Literal["new", "old"], Meta(description="How.")] = "new"

        kind = find("sample.made")
        schema = kind.schema()
        assert "$ref" not in json.dumps(schema)
        assert schema["description"] == "Something was made."
        assert schema["properties"]["parts"]["items"]["properties"]["size"]["type"] == "integer"
        assert set(schema["required"]) == {"id", "at", "parts", "state"}, "a payload has every field"
        assert kind.example()["parts"] == [{"size": 3}]
        assert kind.example()["state"] == "new"
        assert undescribed(kind) == []
        moment = datetime.fromisoformat("2030-01-02T03:04:05+00:00")
        payload = orjson.loads(frames.encode(Made(UUID(int=1), moment, [Part(3)])))
        assert payload == {"id": str(UUID(int=1)), "at": "2030-01-02T03:04:05Z", "parts": [{"size": 3}], "state": "new"}

    def test_a_field_without_a_word_or_an_example_is_told(self):
        @event_type("sample.made")
        @dataclass(frozen=True)
        class Made:
            """Something was made."""

            said: Annotated[int, Meta(description="How many.", examples=[1])]
            silent: int
            unshown: Annotated[int, Meta(description="How many.")]

        assert undescribed(find("sample.made")) == ["silent", "unshown"]


def test_the_types_of_every_installed_app_are_known_in_order():
    names = [kind.name for kind in event_types()]
    assert names == sorted(names)
    assert "user.created" in names
    assert {kind.payload.__module__.rpartition(".")[0] for kind in event_types()} <= {config.name for config in domain_apps()}


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.name)
class TestEachType:
    def test_is_wholly_described(self, kind):
        assert kind.description.endswith(".")
        assert undescribed(kind) == []

    def test_appears_on_kinds_of_stream_that_there_are(self, kind):
        assert set(kind.streams) <= set(stream_kinds())
        assert kind.streams or "in no stream" in kind.description

    def test_has_an_example_with_every_field(self, kind):
        example = kind.example()
        assert set(example) == {field.name for field in fields(kind.payload)}
        assert json.loads(json.dumps(example)) == example

    def test_tells_no_secret(self, kind):
        for name in kind.schema()["properties"]:
            assert not {"password", "secret", "digest", "token", "raw"} & set(name.split("_")), name
