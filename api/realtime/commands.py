"""What a client may say, one frame a command: auth, sub, unsub, ping, and what the installed apps declare.

Each command has an `id` of the client's choosing that its answer repeats. What is wrong with a command is answered; what is
wrong with a frame ends the connection with 4400.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from django.db import DatabaseError

from api.realtime import credentials
from api.realtime.batches import Batches
from api.realtime.choices import (
    MAX_FRAME_BYTES,
    MAX_STREAMS,
    MAX_STREAMS_PER_FRAME,
    PING_SECONDS,
    Close,
)
from api.realtime.connection import Connection
from core.exceptions import DomainError, LimitExceeded, Unavailable
from core.principals import Principal, Refusal
from core.socket_commands import Call
from events.hub import Feed, Recovery
from events.hub.hub import RECOVER_BYTES
from events.selectors import StoredEvent
from events.streams import check_may_follow, earliest

if TYPE_CHECKING:
    from api.realtime.server import Realtime

MAX_SEQ = 2**53


class BadFrame(Exception):
    """Not a command at all."""


def parse(message: dict[str, Any]) -> dict[str, Any]:
    """The command in a received message. Raises BadFrame."""
    text = message.get("text")
    if text is None:
        raise BadFrame("binary frames are not understood")
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadFrame("not JSON") from error
    if not isinstance(command, dict) or not isinstance(command.get("t"), str):
        raise BadFrame('an object with "t" is expected')
    if not isinstance(command.get("id"), int | str | None) or len(str(command.get("id"))) > 64:
        raise BadFrame('"id" must be a short number or text')
    return command


async def authenticate(realtime: "Realtime", connection: Connection, command: dict[str, Any]) -> bool:
    """Check the token; whether the connection may go on. A later one renews an expiring token of the same user."""
    number, token = command.get("id"), command.get("token")
    if command["t"] != "auth" or not isinstance(token, str) or not 0 < len(token) <= credentials.MAX_TOKEN:
        connection.fail(number, "not_authenticated", 'Send {"t":"auth","token":…} first.')
        connection.close(Close.AUTH, "auth expected")
        return False
    try:
        credential, outcome = await realtime.threads.run(lambda: credentials.find(token, connection.address))
    except (DatabaseError, DomainError):
        connection.fail(number, "unavailable", "Authentication is not possible right now.", temporary=True, retry_ms=1000)
        connection.close(Close.RESTART, "unavailable")
        return False
    before = connection.principal
    if isinstance(outcome, Principal) and before is not None and before.user_id != outcome.user_id:
        outcome = Refusal("invalid_credentials", "The token belongs to another account.")
    if isinstance(outcome, Refusal):
        connection.fail(number, outcome.code, outcome.message)
        connection.close(Close.AUTH, outcome.code)
        return False
    if not realtime.presence.admit(connection, outcome):
        connection.fail(number, "too_many_connections", "Too many connections of this account.", temporary=True, retry_ms=5000)
        connection.close(Close.TOO_MANY, "too many connections")
        return False
    connection.credential = credential
    hello = {
        "conn": connection.id,
        "ping": PING_SECONDS,
        "limits": {"streams": MAX_STREAMS, "streams_per_frame": MAX_STREAMS_PER_FRAME, "frame_bytes": MAX_FRAME_BYTES},
        "user": outcome.user_text,
        "ts": int(time.time() * 1000),
    }
    connection.send({"id": number, "ok": True, "d": hello})
    return True


async def run(realtime: "Realtime", connection: Connection, command: dict[str, Any]) -> bool:
    """Carry out one command of an authenticated connection; whether it may go on."""
    number, kind = command.get("id"), command["t"]
    wait = connection.spend()
    if wait:
        connection.fail(number, "rate_limited", "Too many commands.", temporary=True, retry_ms=wait)
    elif kind == "ping":
        connection.send({"id": number, "ok": True, "d": {"ts": int(time.time() * 1000)}})
    elif kind == "sub":
        await _subscribe(realtime, connection, command)
    elif kind == "unsub":
        _unsubscribe(realtime, connection, command)
    elif kind == "auth":
        return await authenticate(realtime, connection, command)
    elif (batches := realtime.batches.get(kind)) is not None:
        await _carry_out(batches, connection, command)
    else:
        connection.fail(number, "unknown_command", "There is no such command.")
    return True


async def _carry_out(batches: Batches, connection: Connection, command: dict[str, Any]) -> None:
    """A command of an app. It is answered when what it did is committed."""
    principal, number = connection.principal, command.get("id")
    if principal is None:
        return
    outcome = await batches.submit(Call(principal, connection.address, command))
    if isinstance(outcome, DomainError):
        retry_ms = None if outcome.retry_after is None else int(outcome.retry_after * 1000) + 1
        connection.fail(
            number,
            outcome.stable_code,
            outcome.message,
            temporary=isinstance(outcome, LimitExceeded | Unavailable),
            retry_ms=retry_ms,
            details=[{"field": one.field, "code": one.code, "message": one.message} for one in outcome.details],
        )
    else:
        connection.send({"id": number, "ok": True, "d": outcome})


def _unsubscribe(realtime: "Realtime", connection: Connection, command: dict[str, Any]) -> None:
    names = command.get("streams")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > MAX_STREAMS:
        connection.fail(command.get("id"), "invalid", '"streams" must be a list of names.')
        return
    for name in names:
        realtime.leave(connection, name)
    connection.send({"id": command.get("id"), "ok": True, "d": {}})


def _wanted(command: dict[str, Any]) -> dict[str, tuple[int | None, str | None]] | None:
    """The streams asked for with their positions; None when the command is malformed."""
    streams = command.get("streams")
    if not isinstance(streams, dict) or not 0 < len(streams) <= MAX_STREAMS_PER_FRAME:
        return None
    wanted: dict[str, tuple[int | None, str | None]] = {}
    for name, options in streams.items():
        since, epoch = (options.get("since"), options.get("epoch")) if isinstance(options, dict) else ("", None)
        if not (since is None or (type(since) is int and 0 <= since <= MAX_SEQ)):
            return None
        if not (epoch is None or (isinstance(epoch, str) and len(epoch) <= 64)):
            return None
        wanted[name] = (since, epoch)
    return wanted


def _rights(principal: Principal, wanted: Mapping[str, int | None]) -> tuple[dict[str, str], set[str]]:
    """The names the caller may not follow, each with the error's code, and those whose asked past is not the caller's to see."""
    refused: dict[str, str] = {}
    hidden: set[str] = set()
    for name, since in wanted.items():
        try:
            check_may_follow(principal, name)
            if since is not None and since < earliest(principal, name):
                hidden.add(name)
        except DomainError as error:
            refused[name] = error.stable_code
    return refused, hidden


async def _subscribe(realtime: "Realtime", connection: Connection, command: dict[str, Any]) -> None:
    number, wanted = command.get("id"), _wanted(command)
    principal = connection.principal
    if wanted is None or principal is None:
        connection.fail(number, "invalid", f'"streams" must map 1 to {MAX_STREAMS_PER_FRAME} names to their positions.')
        return
    if len(connection.streams | wanted.keys()) > MAX_STREAMS:
        connection.fail(number, "too_many_streams", f"A connection follows {MAX_STREAMS} streams at most.")
        return
    try:
        asked = {name: since for name, (since, _) in wanted.items()}
        refused, hidden = await realtime.threads.run(lambda: _rights(principal, asked))
        feeds: dict[str, tuple[Feed, list[StoredEvent] | None]] = {}
        for name, (since, epoch) in wanted.items():
            if name not in refused:
                feed = await realtime.hub.open(name)
                may_recover = since is not None and name not in hidden
                feeds[name] = feed, await realtime.hub.recover(feed, since or 0, epoch) if may_recover else None
    except DatabaseError:
        connection.fail(number, "unavailable", "Not possible right now.", temporary=True, retry_ms=1000)
        return
    # From here to the answer in one step of the event loop: what comes after it follows the answer.
    if connection.closed:
        return
    if realtime.presence.changed_since(connection, principal):
        connection.fail(number, "unavailable", "Something about the account changed; ask again.", temporary=True, retry_ms=100)
        return
    answer, room = [], RECOVER_BYTES
    for name, code in refused.items():
        answer.append(orjson.dumps(name) + b':{"error":{"code":' + orjson.dumps(code) + b"}}")
    for name, (feed, stored) in feeds.items():
        recovery = realtime.hub.join(feed, connection, wanted[name][0], stored)
        realtime.follow(connection, name, principal.user_text)
        text = _recovery(recovery, wanted[name][0], room)
        room -= len(text)
        answer.append(orjson.dumps(name) + b":" + text)
    connection.send_raw(orjson.dumps({"id": number, "ok": True})[:-1] + b',"d":{' + b",".join(answer) + b"}}")


def _recovery(recovery: Recovery, since: int | None, room: int) -> bytes:
    head = {"epoch": recovery.epoch, "seq": recovery.seq}
    if since is None:
        return orjson.dumps(head)
    events = b"" if recovery.frames is None else b",".join([frame.text for frame in recovery.frames])
    if recovery.frames is None or len(events) > max(0, room):
        return orjson.dumps({"recovered": False, **head})
    return orjson.dumps({"recovered": True, **head})[:-1] + b',"events":[' + events + b"]}"
