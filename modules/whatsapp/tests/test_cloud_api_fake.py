"""The fake Cloud API itself: it finds what is wrong, runs as a process of its own, and calls hooks as Meta does."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.tests.fake_cloud_api import APP_SECRET, NUMBER_ID, TOKEN, VERSION, FakeCloudAPI, running
from modules.whatsapp.tests.fake_cloud_fixtures import PDF, link, outgoing
from modules.whatsapp.tests.fake_cloud_hooks import HookCaller
from webhooks.tests.receiver import Receiver, answers, receiving

DRIVER = CloudAPI()
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Authorization": f"Bearer {TOKEN}"}
JSON = {**HEADERS, "Content-Type": "application/json"}
TEXT = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "393331234567",
    "type": "text",
    "text": {"body": "Hi", "preview_url": False},
}


def call(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body), headers or {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def port_of(cloud: FakeCloudAPI) -> int:
    return int(cloud.place.rpartition(":")[2])


@pytest.mark.parametrize(
    "change",
    [
        {"messaging_product": "sms"},
        {"recipient_type": "group"},
        {"to": "+393331234567"},
        {"to": ""},
        {"type": "fax"},
        {"text": {"body": ""}},
        {"text": {"body": "x" * 4097}},
        {"text": {"body": "Hi", "preview_url": "no"}},
        {"text": {"body": "Hi", "colour": "red"}},
        {"text": "Hi"},
        {"context": {"id": "wamid.A"}},
        {"context": {"message_id": "A"}},
        {"biz_opaque_callback_data": "x" * 513},
        {"extra": 1},
        {"type": "image", "image": {"id": "4711"}},
        {"type": "template", "template": {"name": "Not A Name", "language": {"code": "en"}}},
    ],
)
def test_a_message_that_is_not_as_the_contract_says_is_not_taken(change):
    with running(FakeCloudAPI()) as cloud:
        status, told = call(port_of(cloud), "POST", f"{VERSION}/{NUMBER_ID}/messages", TEXT | change, JSON)
        assert (status, cloud.sent) == (599, [])
        assert len(cloud.violations) == len(told["violations"]) > 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Basic {TOKEN}"},
        {"Accept": "*/*"},
        {"Accept-Encoding": "gzip"},
        {"Content-Type": "text/plain"},
        {"Cookie": "a=b"},
        {"X-Api-Key": "x"},
    ],
)
def test_a_header_that_does_not_belong_there_is_noticed(headers):
    with running(FakeCloudAPI()) as cloud:
        assert call(port_of(cloud), "POST", f"{VERSION}/{NUMBER_ID}/messages", TEXT, JSON | headers)[0] == 599


def test_a_message_that_is_as_the_contract_says_is_taken():
    with running(FakeCloudAPI()) as cloud:
        assert call(port_of(cloud), "POST", f"{VERSION}/{NUMBER_ID}/messages", TEXT, JSON)[0] == 200
        assert cloud.violations == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PUT", f"{VERSION}/{NUMBER_ID}/messages"),
        ("POST", f"/v1.0/{NUMBER_ID}/messages"),
        ("DELETE", f"{VERSION}/1"),
    ],
)
def test_an_address_that_is_none_is_noticed(method, path):
    with running(FakeCloudAPI()) as cloud:
        assert call(port_of(cloud), method, path, headers=HEADERS)[0] == 599


def test_a_file_of_a_type_that_is_not_taken_is_noticed(settings):
    with running(FakeCloudAPI()) as cloud:
        settings.WHATSAPP_CLOUD_API_URL = cloud.api
        with pytest.raises(GatewayError):
            DRIVER.send(link(), outgoing("", "document", attachment=replace(PDF, mime_type="application/x-evil")))
        assert len(cloud.violations) == 1


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving(answers(200)) as receiver:
        yield receiver


def heard(hook: Receiver, count: int) -> list[Any]:
    """What the hook was told by the time it heard so much, checked with the driver."""
    deadline = time.monotonic() + 10
    while len(hook.seen) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    for one in hook.seen:
        DRIVER.verify_hook({"app_secret": APP_SECRET}, one.headers, one.body)
    return [word for one in hook.seen for part in DRIVER.split_hook(one.json) for word in DRIVER.read(part.payload)]


def test_statuses_come_as_they_are_told_twice_and_in_the_wrong_order(hook, settings):
    with running(FakeCloudAPI(hook=HookCaller(hook.url, APP_SECRET), acks=("read", "sent", "read", "delivered"))) as cloud:
        settings.WHATSAPP_CLOUD_API_URL = cloud.api
        message = outgoing()
        receipt = DRIVER.send(link(), message)
        words = heard(hook, 4)
        assert [str(word.status) for word in words] == ["read", "sent", "read", "delivered"]
        assert {(word.provider_id, word.message_id) for word in words} == {(receipt.provider_id, message.id)}


def test_somebody_writes(hook):
    with running(FakeCloudAPI(hook=HookCaller(hook.url, APP_SECRET))) as cloud:
        assert cloud.write_in("Ciao", sender="393331234567", name="Kim") == 200
        (word,) = heard(hook, 1)
        assert (word.sender, word.content, word.name) == ("+393331234567", "Ciao", "Kim")


@dataclass
class Running:
    """A fake in another process."""

    port: int
    record: Path

    def control(self, order: dict[str, Any]) -> Any:
        status, told = call(self.port, "POST", "/_control", order)
        assert status == 200, told
        return told

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()] if self.record.exists() else []


@pytest.fixture
def process(tmp_path, hook, settings) -> Iterator[Running]:
    with receiving() as taken:
        port = taken.port
    record = tmp_path / "sent.jsonl"
    asked = ["--port", str(port), "--record", str(record), "--hook", hook.url]
    command = [sys.executable, "-m", "modules.whatsapp.tests.fake_cloud_api", *asked]
    started = subprocess.Popen(command, cwd=django_settings.BASE_DIR)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                call(port, "POST", "/_control", {})
                break
            except OSError:
                time.sleep(0.05)
        settings.WHATSAPP_CLOUD_API_URL = f"http://127.0.0.1:{port}{VERSION}"
        yield Running(port, record)
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()


def test_as_a_process_it_records_misbehaves_and_calls_hooks(process, hook):
    receipt = DRIVER.send(link(), outgoing("one"))
    assert [line["id"] for line in process.lines] == [receipt.provider_id]
    process.control({"behaviour": "drop_after_accept", "times": 1, "path": "/messages"})
    message = outgoing("two")
    with pytest.raises(GatewayError) as caught:
        DRIVER.send(link(), message)
    assert caught.value.verdict == Verdict.AMBIGUOUS
    lost = process.lines[1]
    assert (lost["content"], lost["data"]) == ("two", str(message.id))
    # What was lost is found by our own id.
    assert process.control({"acknowledge": lost["id"], "statuses": ["delivered"]})["done"] == [200]
    process.control({"inbound": "Ciao", "sender": "393331234567"})
    status, incoming = heard(hook, 2)
    assert (status.message_id, incoming.content) == (message.id, "Ciao")
    told = process.control({})
    assert [one["content"] for one in told["sent"]] == ["one", "two"]
    assert told["violations"] == []
