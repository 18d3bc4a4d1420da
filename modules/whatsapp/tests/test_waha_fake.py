"""The fake WAHA itself: that it is strict, calls hooks as the real one does, and runs as a process."""

import json
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import Any

import pytest

from modules.whatsapp.gateways.base import GatewayError
from modules.whatsapp.tests.fake_waha import API_KEY, HMAC_KEY, FakeWaha, running
from modules.whatsapp.tests.fake_waha_kit import CHAT, NAME, WAHA, link, text
from webhooks.tests.receiver import receiving

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "X-Api-Key": API_KEY, "Content-Type": "application/json"}
SESSION = {
    "name": NAME,
    "start": True,
    "config": {
        "webhooks": [
            {
                "url": "http://x/hook",
                "events": ["session.status", "message", "message.ack"],
                "hmac": {"key": "k"},
                "retries": {"policy": "exponential", "delaySeconds": 2, "attempts": 15},
            }
        ]
    },
}
TEXT = {"session": NAME, "chatId": CHAT, "text": "hello"}
FILE = {"session": NAME, "chatId": CHAT, "file": {"mimetype": "image/png", "filename": "a.png", "data": "AAAA"}}


def ask(place: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One call as a driver might make it."""
    connection = HTTPConnection(place, timeout=5)
    sent = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is None:
        sent.pop("Content-Type")
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content else None


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("PUT", "/api/sessions", SESSION, {}),
        ("GET", "/api/nothing", None, {}),
        ("POST", "/api/sessions", {**SESSION, "more": 1}, {}),
        ("POST", "/api/sessions", {**SESSION, "start": 1}, {}),
        ("POST", "/api/sessions", {**SESSION, "config": {}}, {}),
        ("POST", f"/api/sessions/{NAME}/start", {"name": NAME}, {}),
        ("POST", f"/api/sessions/{NAME}/start", None, {}),
        ("GET", f"/api/{NAME}/auth/qr", None, {}),
        ("GET", f"/api/sessions/{NAME}?x=1", None, {}),
        ("POST", "/api/sendText", {**TEXT, "chatId": "+15550123456"}, {}),
        ("POST", "/api/sendText", {**TEXT, "text": ""}, {}),
        ("POST", "/api/sendText", {**TEXT, "caption": "x"}, {}),
        ("POST", "/api/sendText", {**TEXT, "id": f"true_{CHAT}_ABCDEFGH"}, {}),
        ("POST", "/api/sendVoice", {**FILE, "file": {**FILE["file"], "mimetype": "audio/ogg"}, "caption": "x"}, {}),
        ("POST", "/api/sendImage", {**FILE, "file": {**FILE["file"], "data": "?"}}, {}),
        ("POST", "/api/sendVideo", FILE, {}),
        ("GET", f"/api/sessions/{NAME}", None, {"Cookie": "a=b"}),
        ("GET", f"/api/sessions/{NAME}", None, {"Accept_Encoding": "gzip"}),
        ("GET", f"/api/sessions/{NAME}", None, {"Accept": "text/html"}),
        ("POST", "/api/sendText", TEXT, {"Content_Type": "text/plain"}),
    ],
)
def test_whatever_is_not_in_the_contract_is_a_violation(method, path, body, headers):
    with running(FakeWaha(home="")) as fake:
        status, answer = ask(fake.place, method, path, body, **headers)
        assert status == 599
        assert len(answer["violations"]) == len(fake.violations) > 0
        assert fake.sent == []


def test_the_same_id_with_another_text_is_a_violation():
    with running(FakeWaha(home="")) as fake:
        for content in ("one", "one", "two"):
            assert ask(fake.place, "POST", "/api/sendText", {**TEXT, "id": "3EB0AAAA", "text": content})[0] == 201
        assert len(fake.sent) == len(fake.violations) == 1


def test_hooks_are_signed_and_come_again_and_in_any_order(settings):
    settings.WHATSAPP_WAHA_HMAC_KEY = HMAC_KEY
    with receiving() as receiver, running(FakeWaha(home=receiver.url)) as fake:
        settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_API_KEY = fake.url, API_KEY
        receipt = WAHA.send(link(), text())
        assert fake.acknowledge(fake.sent[0], ["read", "sent", "delivered"], times=2, flip=True) == [200] * 6
        assert fake.say(NAME, CHAT, "hello") == [200]
        assert fake.become(NAME, "FAILED") == [200]
        words, events = [], []
        for call in receiver.seen:
            WAHA.verify_hook({}, call.headers, call.body)
            [part] = WAHA.split_hook(call.json)
            events.append(part.event_id)
            words += WAHA.read(part.payload)
    assert [getattr(word, "status", "") for word in words[:6:2]] == ["read", "sent", "delivered"]
    assert {word.provider_id for word in words[:6]} == {receipt.provider_id}
    assert words[6].content == "hello"
    assert len(set(events)) == 5


def test_it_runs_as_a_process_and_writes_down_what_it_accepts(tmp_path, settings):
    record = tmp_path / "sent.jsonl"
    with running(FakeWaha()) as before:
        port = int(before.place.partition(":")[2])
    settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_API_KEY = f"http://127.0.0.1:{port}", API_KEY
    command = [sys.executable, "-m", "modules.whatsapp.tests.fake_waha", "--port", str(port), "--record", str(record)]
    with receiving() as receiver:
        process = subprocess.Popen([*command, "--home", receiver.url])
        try:
            _wait_for(lambda: ask(f"127.0.0.1:{port}", "POST", "/_control", {})[0] == 200)
            told = {"behaviour": "drop_after_accept", "times": 1, "path": "/sendText"}
            assert ask(f"127.0.0.1:{port}", "POST", "/_control", told)[0] == 200
            assert ask(f"127.0.0.1:{port}", "POST", "/_control", {"acks": ["sent", "delivered"]})[0] == 200
            assert ask(f"127.0.0.1:{port}", "POST", "/_control", {"behaviour": "dance"})[0] == 400
            message = text(client_message_id=WAHA.reserve_id(link()))
            with pytest.raises(GatewayError):
                WAHA.send(link(), message)
            assert WAHA.send(link(), message).provider_id == message.client_message_id
            [line] = record.read_text().splitlines()
            assert json.loads(line)["id"] == message.client_message_id
            _wait_for(lambda: len(receiver.seen) == 2)
            said = {"do": "say", "name": NAME, "chat": CHAT, "body": "hello"}
            assert ask(f"127.0.0.1:{port}", "POST", "/_control", said) == (200, {"done": [200]})
            assert ask(f"127.0.0.1:{port}", "POST", "/_control", {})[1]["violations"] == []
        finally:
            process.kill()
            process.wait()


def _wait_for(done: Any) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if done():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come to be")
