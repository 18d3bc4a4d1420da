"""A conversation with the real process, held against the AsyncAPI document."""

from typing import Any

from jsonschema import Draft202012Validator

from api.asyncapi import document
from api.realtime.tests.conftest import Person
from api.realtime.tests.process import RealtimeProcess, aside, play
from users.services import profiles


def check(name: str, message: dict[str, Any]) -> None:
    """Raises ValidationError unless `message` is as the document says."""
    made = document(host="127.0.0.1", secure=False)
    payload = made["components"]["messages"][name]["payload"]
    Draft202012Validator({**payload, "components": made["components"]}).validate(message)


def test_what_the_process_says_is_what_the_document_says(realtime: RealtimeProcess, person: Person) -> None:
    async def scenario() -> None:
        client = await realtime.connect(person.token)
        check("hello", client.hello)
        head = await aside(person.head)
        wanted: dict[str, Any] = {"user:somebody": {}, person.stream: {"since": 0, "epoch": head.epoch}}
        answer = await client.call("sub", streams=wanted)
        check("subscribed", answer)
        assert answer["d"][person.stream]["events"]
        check("subscribed", await client.call("sub", streams={person.stream: {}}))
        check("subscribed", await client.call("sub", streams={person.stream: {"since": 0, "epoch": "another"}}))
        await aside(profiles.update_profile, user_id=person.user.pk, names={"first_name": "F"})
        frame = await client.frame()
        check("user.updated", frame)
        assert frame["d"]["changed"] == ["first_name"]
        check("pong", await client.call("ping"))
        check("error", await client.call("sub", streams={}))
        check("error", await client.call("dance"))
        check("done", await client.call("unsub", streams=[person.stream]))

    play(scenario())
