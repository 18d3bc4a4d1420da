"""A WAHA on loopback, as strict as the real one is lax: whatever is not in the contract is a violation.

In a test: `with running(FakeWaha()) as fake`. As a process: `python -m modules.whatsapp.tests.fake_waha --port N --record FILE`.
"""

import argparse
import base64
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modules.whatsapp.tests import fake_waha_hooks as hooks
from modules.whatsapp.tests.fake_server import Answer, Call, FakeServer, Sent, Wrong, running
from modules.whatsapp.tests.fake_waha_contract import (
    SHAPES,
    STATUSES,
    matching,
    text,
    wrong_fields,
    wrong_headers,
    wrong_message,
    wrong_session,
)

API_KEY = "waha-key"
HMAC_KEY = "waha-hmac-key"
NAME = r"(?P<name>[a-z0-9_-]{1,64})"


@dataclass
class Session:
    """One session. `unready` is how many more times it says STARTING."""

    status: str
    hook_url: str = ""
    hmac_key: str = ""
    phone: str = ""
    unready: int = 0


class FakeWaha(FakeServer):
    """The fake. With `home`, sessions that nobody created are there, connected, and call that hook."""

    def __init__(self, *, engine: str = "WEBJS", record: str = "", home: str | None = None, lid: str = "") -> None:
        super().__init__(record)
        self.engine = engine
        self.home = home
        self.lid = lid
        self.sessions: dict[str, Session] = {}
        self.files: dict[str, bytes] = {}
        self.makes_ids = True
        self.acks: tuple[str, ...] = ()
        self._codes = 0
        self._routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", r"/api/sessions", self._create),
            ("GET", rf"/api/sessions/{NAME}", self._tell_status),
            ("DELETE", rf"/api/sessions/{NAME}", self._delete),
            ("POST", rf"/api/sessions/{NAME}/(?P<verb>start|stop|restart|logout)", self._move),
            ("GET", rf"/api/{NAME}/auth/qr", self._qr),
            ("POST", rf"/api/{NAME}/auth/request-code", self._pair),
            ("POST", r"/api/(?P<kind>sendText|sendImage|sendVideo|sendVoice|sendFile)", self._send),
            ("GET", r"/api/contacts/check-exists", self._exists),
            ("GET", r"/api/files/(?P<file>.+)", self._file),
            ("GET", rf"/api/{NAME}/new-message-id", self._new_id),
        ]

    def answer(self, call: Call) -> Answer:
        for method, pattern, do in self._routes:
            if method == call.method and (match := re.fullmatch(pattern, call.path)):
                wrong = wrong_headers(call.headers, has_body=bool(call.body))
                if bool(call.body) != (method == "POST"):
                    wrong.append("a body is missing or too much")
                if call.query and not call.path.endswith(("/qr", "/check-exists")):
                    wrong.append("a query is too much")
                if wrong:
                    raise Wrong(wrong)
                if call.headers.get("x-api-key") != API_KEY:
                    return Answer(401, {"statusCode": 401, "message": "Unauthorized"})
                return do(call, **match.groupdict())
        raise Wrong(["no such call"])

    def session(self, name: str) -> Session | None:
        """A session that is there."""
        if self.home is not None:
            self.sessions.setdefault(name, Session("WORKING", self.home, HMAC_KEY, "15550100000"))
        return self.sessions.get(name)

    def _create(self, call: Call) -> Answer:
        _must(wrong_session(call.json))
        name, hook = call.json["name"], call.json["config"]["webhooks"][0]
        if self.session(name):
            return Answer(
                422, {"statusCode": 422, "message": f"Session '{name}' already exists.", "error": "Unprocessable Entity"}
            )
        self.sessions[name] = Session("SCAN_QR_CODE", hook["url"], hook["hmac"]["key"])
        return Answer(201, self._state(name))

    def _state(self, name: str) -> dict[str, Any]:
        session = self.sessions[name]
        me = {"id": f"{session.phone}@c.us", "pushName": "Shop"} if session.status == "WORKING" else None
        return {"name": name, "status": session.status, "config": {}, "me": me, "engine": {"engine": self.engine}}

    def _tell_status(self, call: Call, name: str) -> Answer:
        session = self.session(name)
        if session is None:
            return _unknown()
        state = self._state(name)
        if session.unready > 0:
            session.unready -= 1
            state.update(status="STARTING", me=None)
        return Answer(200, state)

    def _delete(self, call: Call, name: str) -> Answer:
        self.sessions.pop(name, None)
        return Answer(200)

    def _move(self, call: Call, name: str, verb: str) -> Answer:
        _must(wrong_fields(call.json, {}, at="body"))
        session = self.session(name)
        if session is None:
            return _unknown()
        if verb == "start" and session.status not in ("STOPPED", "FAILED"):
            return Answer(
                422, {"statusCode": 422, "message": f"Session '{name}' is already started.", "error": "Unprocessable Entity"}
            )
        if verb == "logout":
            session.phone = ""
        linked = "WORKING" if session.phone else "SCAN_QR_CODE"
        session.status = linked if verb in ("start", "restart") else "STOPPED"
        return Answer(201, self._state(name))

    def _qr(self, call: Call, name: str) -> Answer:
        _must(wrong_fields(call.query, {"format": lambda value: value == "raw"}, at="query"))
        if refusal := self._unless(name, "SCAN_QR_CODE"):
            return refusal
        self._codes += 1
        return Answer(200, {"value": f"2@{self._codes},{secrets.token_urlsafe(120)}"})

    def _pair(self, call: Call, name: str) -> Answer:
        _must(wrong_fields(call.json, {"phoneNumber": matching(r"[1-9][0-9]{5,14}")}, at="body"))
        if refusal := self._unless(name, "SCAN_QR_CODE"):
            return refusal
        self._codes += 1
        return Answer(201, {"code": f"ABCD-{self._codes:04d}"})

    def _unless(self, name: str, status: str) -> Answer | None:
        session = self.session(name)
        if session is None:
            return _unknown()
        if session.status == status:
            return None
        error = "Session status is not as expected. Try again later or restart the session"
        return Answer(422, {"error": error, "session": name, "status": session.status, "expected": [status]})

    def _new_id(self, call: Call, name: str) -> Answer:
        if not self.makes_ids:
            return Answer(
                501, {"statusCode": 501, "message": "The method is not implemented by the engine.", "error": "Not Implemented"}
            )
        return self._unless(name, "WORKING") or Answer(200, {"id": f"3EB0{secrets.token_hex(9).upper()}"})

    def _send(self, call: Call, kind: str) -> Answer:
        body = call.json
        _must(wrong_message(kind, body))
        if refusal := self._unless(body["session"], "WORKING"):
            return refusal
        key = body.get("id") or f"3EB0{secrets.token_hex(9).upper()}"
        content, file = body.get("text", body.get("caption", "")), body.get("file")
        sent = Sent(key, body["chatId"], kind, content, body.get("id", ""), body["session"], file, body.get("reply_to", ""))
        kept = self.log.accept(sent)
        if self.acks and kept is sent:
            threading.Thread(target=self.acknowledge, args=(sent, self.acks), daemon=True).start()
        return Answer(201, SHAPES[self.engine](kept.recipient, kept.id))

    def _exists(self, call: Call) -> Answer:
        _must(wrong_fields(call.query, {"phone": matching(r"[1-9][0-9]{5,14}"), "session": text}, at="query"))
        if refusal := self._unless(call.query["session"], "WORKING"):
            return refusal
        phone = call.query["phone"]
        if phone.endswith("0000"):
            return Answer(200, {"numberExists": False})
        return Answer(200, {"numberExists": True, "chatId": self.lid or f"{phone}@c.us"})

    def _file(self, call: Call, file: str) -> Answer:
        return Answer(200, self.files[file]) if file in self.files else Answer(404, {"statusCode": 404, "message": "Not Found"})

    def hook(self, name: str, event: str, payload: dict[str, Any], *, times: int = 1, **more: Any) -> list[int]:
        """Call the session's hook, the very same call `times` times; the answers' statuses."""
        session = self.session(name)
        assert session is not None
        body = hooks.envelope(event, name, payload, **more)
        return [hooks.post(session.hook_url, session.hmac_key, body) for _ in range(times)]

    def acknowledge(
        self, sent: Sent, kinds: Iterable[str], *, times: int = 1, pause: float = 0.0, flip: bool = False
    ) -> list[int]:
        """Acknowledge a message, in the order given; with `flip` its chat is a lid by now."""
        chat, found = "86000111222333@lid" if flip else sent.recipient, []
        for kind in kinds:
            time.sleep(pause)
            found += self.hook(sent.session, "message.ack", hooks.ack(sent.id, chat, kind), times=times)
        return found

    def say(self, name: str, chat: str, body: str, *, times: int = 1, **more: Any) -> list[int]:
        """Somebody writes."""
        return self.hook(name, "message", hooks.message(chat, body, **more), times=times)

    def become(self, name: str, status: str, *, phone: str = "15550100000", times: int = 1, tell: bool = True) -> list[int]:
        """Change a session's status, as a scan or a phone that unlinks it does, and say so."""
        assert status in STATUSES
        with self.lock:
            session = self.session(name)
            assert session is not None
            session.status = status
            session.phone = phone if status == "WORKING" else session.phone
        return self.hook(name, "session.status", {"status": status}, times=times) if tell and session.hook_url else []

    def order(self, order: dict[str, Any]) -> Any:
        """`{"acks": [...]}` of every message from now on; or `do` with arguments: hook, acknowledge (`id`), say, become."""
        if "acks" in order:
            self.acks = tuple(order["acks"])
            return None
        verb = order.pop("do")
        if verb == "acknowledge":
            sent = next(one for one in self.sent if one.id == order["id"])
            return self.acknowledge(sent, **{name: value for name, value in order.items() if name != "id"})
        return {"hook": self.hook, "say": self.say, "become": self.become}[verb](**order)


def _must(wrong: list[str]) -> None:
    if wrong:
        raise Wrong(wrong)


def _unknown() -> Answer:
    return Answer(404, {"statusCode": 404, "message": "Session not found", "error": "Not Found"})


def bytes_of(sent: Sent) -> bytes:
    """The content of a message's file."""
    assert sent.file is not None
    return base64.b64decode(sent.file["data"])


def main() -> None:
    """A process of its own, whose sessions are all connected unless they are created."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", default="")
    parser.add_argument("--engine", default="WEBJS", choices=sorted(SHAPES))
    parser.add_argument("--home", help="the hook of sessions that nobody created; they are connected")
    given = parser.parse_args()
    with running(FakeWaha(engine=given.engine, record=given.record, home=given.home), given.port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
