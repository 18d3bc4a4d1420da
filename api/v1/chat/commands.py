"""What clients say of chat on the socket. Fields are checked here as the serializers check them over REST."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.exceptions import DomainError, Invalid, NotAllowed
from core.socket_commands import Call, Outcome, command
from modules.chat import sending
from modules.chat.models.message import MAX_FILES, MAX_TEXT
from modules.chat.sending import Draft, Sent
from modules.chat.services import reading, typing_notices

WRITE = "chat:write"
_SOME_ID = "019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"
_ID = {"type": "string", "format": "uuid"}
_MAYBE_ID = {"type": ["string", "null"], "format": "uuid"}
_NUMBER = {"type": "integer", "minimum": 0, "description": "A message's place in the room, or in the thread."}
_CONTENT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": MAX_TEXT},
        "root": {**_MAYBE_ID, "description": "The message whose thread it goes to."},
        "reply_to": {**_MAYBE_ID, "description": "The message it answers."},
        "files": {"type": "array", "items": _ID, "maxItems": MAX_FILES},
    },
}


@command(
    summary="Send a message. Answered when it is committed; sent again under the same `cid`, it is the same message.",
    fields={"room": _ID, "cid": {**_ID, "description": "Of your own making."}, "d": _CONTENT},
    example={"room": _SOME_ID, "cid": _SOME_ID, "d": {"text": "Hello"}},
    answer={
        "message": _ID,
        "number": _NUMBER,
        "seq": {"type": ["integer", "null"], "description": "Its event's position in the room's stream; null for a duplicate."},
        "duplicate": {"type": "boolean", "description": "Whether it was there before."},
    },
    answer_example={"message": _SOME_ID, "number": 1044, "seq": 2310, "duplicate": False},
    apart="room",
)
def send(calls: Sequence[Call]) -> Sequence[Outcome]:
    """`{"t": "message.send", "room", "cid", "d": {"text", "root", "reply_to", "files"}}` is answered with `message`, `number`,
    `seq` and `duplicate` when it is committed. Sent again under the same `cid`, it is the same message.
    """
    outcomes: dict[int, Outcome] = {}
    drafts: dict[int, Draft] = {}
    for index, call in enumerate(calls):
        try:
            drafts[index] = _draft(call)
        except DomainError as error:
            outcomes[index] = error
    for index, outcome in zip(drafts, sending.send(list(drafts.values())), strict=True):
        outcomes[index] = _sent(outcome) if isinstance(outcome, Sent) else outcome
    return [outcomes[index] for index in range(len(calls))]


@command(
    summary="Say that one is typing: told to those who follow the room, at most once in three seconds.",
    fields={"room": _ID},
    example={"room": _SOME_ID},
)
def typing(calls: Sequence[Call]) -> Sequence[Outcome]:
    """`{"t": "typing", "room"}`: tells those who follow the room that one is typing, at most once in three seconds."""

    def tell(call: Call) -> None:
        typing_notices.tell_typing(user_id=call.principal.user_id, room_id=_uuid(call, "room"))

    return [_each(call, tell) for call in calls]


@command(
    summary="Say up to where one has read, in the room or in a thread. It only moves forward.",
    fields={"room": _ID, "number": _NUMBER},
    optional={"root": _MAYBE_ID},
    example={"room": _SOME_ID, "number": 1044},
    answer={"number": {**_NUMBER, "description": "Where the pointer stands now."}},
    answer_example={"number": 1044},
)
def read(calls: Sequence[Call]) -> Sequence[Outcome]:
    """`{"t": "read", "room", "root", "number"}`: one read up to there. It only ever moves forward."""

    def move(call: Call) -> Any:
        number = call.frame.get("number")
        if type(number) is not int or not 0 <= number < 2**53:
            raise Invalid.field("number", "A whole number.", "invalid")
        return reading.mark_read(
            user_id=call.principal.user_id, room_id=_uuid(call, "room"), root_id=_optional(call.frame, "root"), number=number
        )

    return [_each(call, move) for call in calls]


def _each(call: Call, work: Any) -> Outcome:
    try:
        _check_scope(call)
        result: Outcome = work(call) or {}
    except DomainError as error:
        return error
    return result


def _draft(call: Call) -> Draft:
    _check_scope(call)
    content = call.frame.get("d")
    if not isinstance(content, dict):
        raise Invalid.field("d", "An object.", "invalid")
    text = content.get("text", "")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise Invalid.field(
            "text", f"Text of at most {MAX_TEXT} characters.", "max_length" if isinstance(text, str) else "invalid"
        )
    files = content.get("files", [])
    if not isinstance(files, list) or len(files) > MAX_FILES:
        raise Invalid.field("files", f"A list of at most {MAX_FILES} ids.", "too_many")
    cid = _optional(call.frame, "cid")
    if cid is None:
        raise Invalid.field("cid", "A UUID of your own: it makes sending again safe.", "required")
    return Draft(
        room_id=_uuid(call, "room"),
        user_id=call.principal.user_id,
        text=text,
        cid=cid,
        root_id=_optional(content, "root"),
        reply_to=_optional(content, "reply_to"),
        file_ids=tuple(_as_uuid(value, "files") for value in files),
        is_bot=call.principal.kind == "api_key",
    )


def _sent(sent: Sent) -> dict[str, Any]:
    return {"message": sent.message_id, "number": sent.number, "seq": sent.seq, "duplicate": sent.duplicate}


def _check_scope(call: Call) -> None:
    if call.principal.scopes is not None and WRITE not in call.principal.scopes:
        raise NotAllowed(f"The API key lacks the scope {WRITE!r}.", code="insufficient_scope")


def _uuid(call: Call, field: str) -> UUID:
    return _as_uuid(call.frame.get(field), field)


def _optional(values: dict[str, Any], field: str) -> UUID | None:
    value = values.get(field)
    return None if value is None else _as_uuid(value, field)


def _as_uuid(value: Any, field: str) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid.field(field, "A UUID.", "invalid") from error
