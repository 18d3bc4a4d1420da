"""The AsyncAPI document of the socket: whole, valid in itself, and about the event types and close codes there are."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from api import asyncapi_messages
from api.asyncapi import CLOSE_CODES, document
from api.realtime import commands
from api.realtime.choices import Close
from events.catalogue import event_types
from events.frames import ephemeral_frame, event_frame

FIELDS = {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}


def resolve(made: dict[str, Any], reference: str) -> Any:
    found: Any = made
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def validator(made: dict[str, Any], name: str) -> Draft202012Validator:
    """Of a message's payload."""
    payload = made["components"]["messages"][name]["payload"]
    return Draft202012Validator({**payload, "components": made["components"]}, format_checker=FormatChecker())


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(host="api.example.com", secure=True)


@pytest.mark.django_db
def test_it_is_served_to_everybody_as_plain_json_for_the_host_that_was_asked(api, settings):
    settings.ALLOWED_HOSTS = ["api.example.com"]
    response = api.get("/api/schema/asyncapi", HTTP_HOST="api.example.com")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json() == document(host="api.example.com", secure=False)
    assert api.post("/api/schema/asyncapi", HTTP_HOST="api.example.com").json()["error"]["code"] == "method_not_allowed"


def test_it_has_the_parts_of_version_3(made):
    assert set(made) == FIELDS
    assert made["asyncapi"] == "3.0.0"
    assert {"title", "version", "description"} == set(made["info"])
    assert made["servers"]["this"]["host"] == "api.example.com"
    assert made["servers"]["this"]["protocol"] == "wss"
    (channel,) = made["channels"].values()
    assert channel["address"] == "/ws/v1/"
    for operation in made["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"] == {"$ref": "#/channels/socket"}
        assert operation["messages"]


def test_every_reference_leads_somewhere_and_every_name_is_allowed(made):
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(made)))
    assert references
    for reference in references:
        assert resolve(made, reference)
    for part in (made["operations"], made["channels"], *made["components"].values()):
        assert all(re.fullmatch(r"[\w.-]+", name) for name in part)


def test_an_operation_names_messages_of_its_channel_and_every_message_belongs_to_one(made):
    named = []
    for operation in made["operations"].values():
        named += operation["messages"] + operation.get("reply", {}).get("messages", [])
    assert {one["$ref"] for one in named} == {f"#/channels/socket/messages/{name}" for name in made["components"]["messages"]}


def test_every_payload_is_a_schema_and_every_example_fits_its_own_and_no_other(made):
    names = list(made["components"]["messages"])
    for name in names:
        schema = validator(made, name)
        Draft202012Validator.check_schema(schema.schema)
        for example in made["components"]["messages"][name]["examples"]:
            schema.validate(example["payload"])
            with pytest.raises(ValidationError):
                schema.validate({**example["payload"], "t": 7, "ok": "maybe"})


def test_every_command_of_the_document_is_one_that_the_socket_understands(made):
    for name in asyncapi_messages.commands():
        (example,) = made["components"]["messages"][name]["examples"]
        command = commands.parse({"text": json.dumps(example["payload"])})
        assert command["t"] == name
    (sub,) = made["components"]["messages"]["sub"]["examples"]
    assert commands._wanted(sub["payload"])


def test_every_event_type_that_is_in_a_stream_is_a_message_the_server_sends(made):
    sent = {one["$ref"].rpartition("/")[2] for one in made["operations"]["events"]["messages"]}
    assert sent == {kind.name for kind in event_types() if kind.streams} | {"ephemeral", "reset"}


def test_the_frames_that_publishers_make_are_as_described(made):
    from datetime import UTC, datetime

    for kind in event_types():
        if kind.streams:
            payload = json.dumps(kind.example()).encode()
            moment, event_id = datetime.now(UTC), "0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11"
            frame = event_frame(kind=kind.name, stream="user:1", seq=1, event_id=event_id, created_at=moment, payload=payload)
            validator(made, kind.name).validate(json.loads(frame))
    validator(made, "ephemeral").validate(json.loads(ephemeral_frame(kind="typing", stream="room:1", payload=b"{}")))


def test_every_close_code_is_told_with_what_to_do(made):
    assert set(CLOSE_CODES) == set(Close)
    told = made["channels"]["socket"]["x-close-codes"]
    assert set(told) == {str(code.value) for code in Close}
    assert all(one["description"] for one in told.values())
