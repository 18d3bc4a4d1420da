"""The tour's part of chat: a room, a guest who comes in by a link, and messages that both ends have, each once."""

import secrets
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from api.tour_kit import Answer, Client, Guide, Steps, TourFailed, check

_CHAT = "/api/v1/chat/"
# How long an end waits for an event; less than the client waits for an answer.
_WAIT = 8
_PICTURE = (600, 400)


def walk(steps: Steps, guide: Guide) -> None:
    """Come together, write, lose the line, and look at what was read."""
    with _room(steps, guide) as scene:
        _talk(steps, scene)
        _show_a_picture(steps, scene)
        _resume(steps, scene)
        _react_and_read(steps, scene)


@dataclass
class _Scene:
    """A room with the integrator, who owns it, and a guest."""

    owner: Client
    room: str
    guest: Client
    messages: list[str] = field(default_factory=list)
    start: tuple[str, int] = ("", 0)

    @property
    def path(self) -> str:
        return f"{_CHAT}rooms/{self.room}/"

    def hear(self, client: Client, since: int, wait: int = 0) -> Answer:
        """What happened in the room after a position, as one end is told it."""
        path = f"/api/v1/events/?stream=room:{self.room}&epoch={self.start[0]}&since={since}&wait={wait}"
        return client.expect(HTTPStatus.OK, "GET", path)

    def head(self) -> tuple[str, int]:
        """Where the room's stream stands."""
        told = self.owner.expect(HTTPStatus.OK, "GET", f"/api/v1/events/?stream=room:{self.room}").body["meta"]["stream"]
        return told["epoch"], told["seq"]


@contextmanager
def _room(steps: Steps, guide: Guide) -> Iterator[_Scene]:
    """The room and the guest, removed at the end, also when a step fails."""
    owner, guest_id = guide.integrator, ""
    with steps.step("Chat: the key makes a room") as told:
        room = owner.expect(HTTPStatus.CREATED, "POST", f"{_CHAT}rooms/", {"kind": "group", "name": "Tour"}).data
        told(f"{room['name']}, {room['kind']}, as its {room['me']['role']}")
    path = f"{_CHAT}rooms/{room['id']}/"
    try:
        with steps.step("... and a link for one guest, who comes in by it") as told:
            body = {"role": "guest", "max_uses": 1, "expires_in": 600}
            link = owner.expect(HTTPStatus.CREATED, "POST", f"{path}links/", body).data
            stranger, name = Client(owner.url), {"token": link["token"], "display_name": "Passer-by"}
            signed_in = stranger.expect(HTTPStatus.CREATED, "POST", f"{_CHAT}join/guest/", name).data
            guest_id = signed_in["user"]["id"]
            second = stranger.call("POST", f"{_CHAT}join/guest/", name)
            check(second.status == HTTPStatus.NOT_FOUND, f"the used-up link was answered {second.status}")
            told(f"{signed_in['user']['display_name']}; a second use is refused: {second.code}")
        scene = _Scene(owner, room["id"], Client(owner.url, f"Bearer {signed_in['access']}"))
        scene.start = scene.head()
        yield scene
    finally:
        with suppress(TourFailed):
            owner.call("DELETE", path)
            if guest_id:
                guide.admin.call("DELETE", f"/api/v1/users/{guest_id}/")


def _talk(steps: Steps, scene: _Scene) -> None:
    ends = {
        "the guest": (scene.owner, scene.guest, "Is the boat in?"),
        "the key": (scene.guest, scene.owner, "Since this morning."),
    }
    for reader, (sender, receiver, text) in ends.items():
        title = "A message is heard at the other end" if not scene.messages else "... and one the other way"
        with steps.step(title) as told, ThreadPoolExecutor(1) as background:
            since = scene.head()[1]
            heard = background.submit(scene.hear, receiver, since, _WAIT)
            # Time for the other end to wait.
            time.sleep(0.3)
            began, cid = time.monotonic(), str(uuid.uuid4())
            body = {"text": text, "cid": cid}
            sent = sender.expect(HTTPStatus.CREATED, "POST", f"{scene.path}messages/", body).data
            events = [event for event in heard.result().data if event["type"] == "message.created"]
            check([event["data"]["text"] for event in events] == [text], f"{reader} heard {events}")
            scene.messages.append(sent["id"])
            told(f"{reader} has number {sent['number']} {(time.monotonic() - began) * 1000:.0f} ms later")
    with steps.step("... and sent again under its cid it is the same message") as told:
        again = sender.expect(HTTPStatus.OK, "POST", f"{scene.path}messages/", body).data
        check(again["id"] == sent["id"], "it became another message")
        told(f"number {again['number']} as before")


def _show_a_picture(steps: Steps, scene: _Scene) -> None:
    with steps.step("A picture is sent") as told:
        answer = scene.owner.upload(f"{_CHAT}files/", "boat.png", _png(*_PICTURE))
        check(answer.status == HTTPStatus.CREATED, f"the upload was answered {answer.status}: {answer.body}")
        file = answer.data
        check((file["width"], file["height"]) == _PICTURE, f"it measures {file['width']} x {file['height']}")
        body = {"files": [file["id"]], "cid": str(uuid.uuid4())}
        scene.messages.append(scene.owner.expect(HTTPStatus.CREATED, "POST", f"{scene.path}messages/", body).data["id"])
        told(f"{file['mime_type']}, {file['size']} bytes, made anew; blurhash {file['blurhash']}")
    with steps.step("... and the guest gets the smaller copy") as told:
        small = scene.guest.expect(HTTPStatus.OK, "GET", f"{_CHAT}files/{file['id']}/thumbnail/")
        check(small.headers["content-type"].startswith("image/"), f"it is {small.headers['content-type']}")
        refusal = Client(scene.owner.url).call("GET", f"{_CHAT}files/{file['id']}/thumbnail/")
        check(refusal.status == HTTPStatus.UNAUTHORIZED, f"a stranger was answered {refusal.status}")
        told(f"{small.headers['content-type']}; strangers are refused")


def _resume(steps: Steps, scene: _Scene) -> None:
    with steps.step("After a break the guest resumes") as told:
        missed = scene.hear(scene.guest, scene.start[1])
        seqs = [event["seq"] for event in missed.data]
        check(missed.body["meta"]["stream"]["recovered"], "nothing was recovered")
        check(seqs == list(range(scene.start[1] + 1, scene.head()[1] + 1)), f"the events are {seqs}")
        found = [event["data"]["message"] for event in missed.data if event["type"] == "message.created"]
        check(found == scene.messages, f"the messages are {found}")
        told(f"{len(found)} messages, each once, events {seqs[0]} to {seqs[-1]}")


def _react_and_read(steps: Steps, scene: _Scene) -> None:
    with steps.step("... reacts") as told:
        path = f"{scene.path}messages/{scene.messages[0]}/"
        answer = scene.guest.call("PUT", f"{path}reactions/", {"emoji": "👍"})
        check(answer.status < HTTPStatus.BAD_REQUEST, f"the reaction was answered {answer.status}: {answer.body}")
        reactions = scene.owner.expect(HTTPStatus.OK, "GET", path).data["reactions"]
        check(reactions == {"👍": 1}, f"the message has {reactions}")
        told(str(reactions))
    with steps.step("... and reads on") as told:
        unread = _unread(scene)
        check(unread > 0, "nothing was unread")
        scene.guest.expect(HTTPStatus.OK, "POST", f"{scene.path}read/", {"number": len(scene.messages)})
        check(_unread(scene) == 0, f"{_unread(scene)} are unread")
        told(f"{unread} unread before, none after")


def _unread(scene: _Scene) -> int:
    (room,) = scene.guest.expect(HTTPStatus.OK, "GET", f"{_CHAT}rooms/").data
    found: int = room["me"]["unread"]["messages"]
    return found


def _png(width: int, height: int) -> bytes:
    """A picture of its own each time: a gradient of a colour."""
    red, green, blue = secrets.token_bytes(3)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    def row(y: int) -> bytes:
        return b"\0" + bytes(value for x in range(width) for value in (red, (green + x) % 256, (blue + y) % 256))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(map(row, range(height))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
