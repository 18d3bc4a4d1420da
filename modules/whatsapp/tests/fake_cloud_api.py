"""A Cloud API on loopback, stricter than Meta's (see `fake_behaviour` for how it is told to misbehave).

In tests: `with running(FakeCloudAPI()) as cloud`. By itself, for processes that are killed:

    python -m modules.whatsapp.tests.fake_cloud_api --port 9000 --record sent.jsonl [--hook URL --acks sent,delivered,read]

where `POST /_control` also takes {"acknowledge": ID, "statuses": [...]} and {"inbound": TEXT, "sender": DIGITS}.
"""

import argparse
import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from modules.whatsapp.tests import fake_cloud_contract as contract
from modules.whatsapp.tests import fake_cloud_hooks as hooks
from modules.whatsapp.tests.fake_server import Answer, Call, FakeServer, Sent, Wrong, running

VERSION = "/v23.0"
NUMBER_ID, TOKEN, APP_SECRET = "106540352242922", "EAAJtoken", "an-app-secret"
_CONTENT_TYPES = {"": "", "messages": "application/json", "media": "multipart/form-data; boundary="}


@dataclass(frozen=True)
class File:
    """A file that was uploaded, or that somebody sent in (which has no name)."""

    number_id: str
    filename: str
    mime_type: str
    content: bytes


@dataclass
class CloudSent(Sent):
    """A message that was taken: `session` is the phone number id, `data` the callback data, `inner` its kind's object."""

    data: str = ""
    inner: dict[str, Any] = field(default_factory=dict)


class FakeCloudAPI(FakeServer):
    """The API. `tokens` by phone number id; with a `hook`, each message that is taken gets the statuses of `acks`."""

    def __init__(
        self,
        tokens: dict[str, str] | None = None,
        *,
        record: str = "",
        hook: hooks.HookCaller | None = None,
        acks: Sequence[str] = (),
    ) -> None:
        super().__init__(record)
        self.tokens = {NUMBER_ID: TOKEN} if tokens is None else tokens
        self.hook = hook
        self.acks = acks
        self.files: dict[str, File] = {}
        self.lookaside = _FakeLookaside(self)

    @property
    def api(self) -> str:
        """As WHATSAPP_CLOUD_API_URL names it."""
        return f"{self.url}{VERSION}"

    @property
    def calls(self) -> list[str]:
        """Method and path of what was asked, in turn."""
        return [f"{call.method} {call.path.removeprefix(VERSION)}" for call in self.log.calls]

    def open(self, port: int = 0) -> Self:
        """Files are on another server."""
        self.lookaside.open()
        return super().open(port)

    def close(self) -> None:
        """Both."""
        super().close()
        self.lookaside.close()

    def keep(self, content: bytes, mime_type: str, number_id: str = NUMBER_ID) -> str:
        """A file that somebody sent in: its id."""
        return self._add(File(number_id, "", mime_type, content))

    def answer(self, call: Call) -> Answer:
        """Do what is asked."""
        owned, _, action = call.path.removeprefix(f"{VERSION}/").partition("/")
        if not call.path.startswith(f"{VERSION}/") or (call.method, action) not in {
            ("GET", ""),
            ("POST", "messages"),
            ("POST", "media"),
        }:
            raise Wrong(["no address of this API"])
        contract.check_headers(call, content_type=_CONTENT_TYPES[action])
        token = call.headers["authorization"].removeprefix("Bearer ")
        if token not in self.tokens.values():
            return Answer(401, error(190, "Error validating access token"))
        file = self.files.get(owned) if not action else None
        if self.tokens.get(file.number_id if file else owned) != token:
            return Answer(400, error(100, "Unsupported get request: the object does not exist", error_subcode=33))
        if action == "messages":
            return self._message(owned, call)
        if action == "media":
            return Answer(200, {"id": self._add(File(owned, *contract.check_upload(call)))})
        return self._file(owned, file, call) if file else self._number(owned, call)

    def acknowledge(self, message_id: str, *statuses: str, **more: Any) -> list[int]:
        """Call the hook with statuses of a message, in the order given: what it answered to each."""
        sent = next(one for one in self.sent if one.id == message_id)
        data = {"biz_opaque_callback_data": sent.data} if sent.data else {}
        told = [hooks.status(sent.id, kind, recipient=sent.recipient, **data, **more) for kind in statuses]
        return [self._tell(hooks.value(sent.session, statuses=[one])) for one in told]

    def write_in(self, text: str, *, sender: str, name: str = "", number_id: str = NUMBER_ID) -> int:
        """Call the hook with a text somebody wrote."""
        return self._tell(hooks.value(number_id, messages=[hooks.message(sender, body=text)], name=name))

    def order(self, order: dict[str, Any]) -> Any:
        """Hooks, from another process."""
        if "acknowledge" in order:
            return self.acknowledge(order["acknowledge"], *order["statuses"])
        if "inbound" in order:
            return self.write_in(order["inbound"], sender=order["sender"], number_id=order.get("number_id", NUMBER_ID))
        return super().order(order)

    def _tell(self, value: dict[str, Any]) -> int:
        assert self.hook is not None, "this fake was told of no hook"
        return self.hook.post(hooks.envelope(value))

    def _add(self, file: File) -> str:
        media_id = str(10**15 + secrets.randbelow(10**15))
        self.files[media_id] = file
        return media_id

    def _message(self, number_id: str, call: Call) -> Answer:
        body = call.json
        uploaded = {key: file.mime_type for key, file in self.files.items() if file.number_id == number_id and file.filename}
        contract.check_message(body, uploaded)
        kind = body["type"]
        inner = body[kind]
        content = inner.get("body") or inner.get("caption") or inner.get("name", "")
        data, reply_to = body.get("biz_opaque_callback_data", ""), body.get("context", {}).get("message_id", "")
        wamid = f"wamid.HBgL{secrets.token_hex(20).upper()}"
        sent = CloudSent(wamid, body["to"], kind, content, "", number_id, reply_to=reply_to, data=data, inner=inner)
        self.log.accept(sent)
        if self.hook and self.acks:
            threading.Thread(target=self.acknowledge, args=(wamid, *self.acks), daemon=True).start()
        contacts = [{"input": sent.recipient, "wa_id": sent.recipient}]
        return Answer(200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": wamid}]})

    def _number(self, number_id: str, call: Call) -> Answer:
        asked = contract.check_number(call)
        known = {"display_phone_number": "+1 555-078-3881", "verified_name": "Atelier Test", "quality_rating": "GREEN"}
        return Answer(200, {"id": number_id, **{name: known[name] for name in asked if name != "id"}})

    def _file(self, media_id: str, file: File, call: Call) -> Answer:
        contract.check_fields(call.query, {}, at="query")
        found = {
            "messaging_product": "whatsapp",
            "url": f"{self.lookaside.url}/attachments/?mid={media_id}&hash=x",
            "mime_type": file.mime_type,
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "file_size": len(file.content),
            "id": media_id,
        }
        return Answer(200, found)


class _FakeLookaside(FakeServer):
    """Where files that came in are: another server, that wants the same token."""

    def __init__(self, cloud: FakeCloudAPI) -> None:
        super().__init__()
        self._cloud = cloud
        self.log.violations = cloud.log.violations

    def answer(self, call: Call) -> Answer:
        contract.check_headers(call)
        if (call.method, call.path) != ("GET", "/attachments/") or set(call.query) != {"mid", "hash"}:
            raise Wrong(["no address of a file"])
        file = self._cloud.files.get(call.query["mid"])
        if file is None:
            return Answer(404, b"<html>not found</html>")
        if call.headers["authorization"] != f"Bearer {self._cloud.tokens.get(file.number_id)}":
            return Answer(401, b"<html>unauthorized</html>")
        return Answer(200, file.content)


def error(code: int, details: str = "", **more: Any) -> dict[str, Any]:
    """An error as Meta puts it."""
    data = {"messaging_product": "whatsapp", "details": details}
    found = {"message": f"(#{code}) {details}", "type": "OAuthException", "code": code, "error_data": data, "fbtrace_id": "AbCd"}
    return {"error": {**found, **more}}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", default="")
    parser.add_argument("--token", default=f"{NUMBER_ID}:{TOKEN}", help="phone number id:token, several with commas")
    parser.add_argument("--hook", default="")
    parser.add_argument("--app-secret", default=APP_SECRET)
    parser.add_argument("--acks", default="", help="statuses, in the order they are sent in; a status may stand there twice")
    asked = parser.parse_args()
    tokens = dict(pair.split(":", 1) for pair in asked.token.split(","))
    hook = hooks.HookCaller(asked.hook, asked.app_secret) if asked.hook else None
    acks = [kind for kind in asked.acks.split(",") if kind]
    with running(FakeCloudAPI(tokens, record=asked.record, hook=hook, acks=acks), asked.port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
