"""A WAHA in a process of its own, and accounts whose sessions a phone linked through it, for tests with real processes."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.local.layout import PROJECT
from config.local.process import free_port
from config.tests.live import UNLIMITED, Caller, LiveProduct, bare_environment
from modules.whatsapp.tests.fake_waha import API_KEY, HMAC_KEY

SCOPES = ("whatsapp:read", "whatsapp:send", "whatsapp:sessions")
TIMEOUT_SECONDS = 2


class GatewayProcess:
    """The fake as a process; what it accepted is in its record, in order, whatever happens to it."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.port = free_port()
        command = [sys.executable, "-m", "modules.whatsapp.tests.fake_waha", "--port", str(self.port), "--record", str(record)]
        self.process = subprocess.Popen(command, cwd=PROJECT, env=bare_environment())
        for _ in range(200):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.order({})
                return
            time.sleep(0.05)
        raise AssertionError("the gateway did not start")

    @property
    def environment(self) -> dict[str, str]:
        """What makes it the operator's server, with short patience for it."""
        return {
            "WHATSAPP_DRIVER": "waha",
            "WHATSAPP_WAHA_URL": f"http://127.0.0.1:{self.port}",
            "WHATSAPP_WAHA_API_KEY": API_KEY,
            "WHATSAPP_WAHA_HMAC_KEY": HMAC_KEY,
            "WHATSAPP_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "WHATSAPP_MEDIA_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }

    def order(self, order: dict[str, Any]) -> Any:
        """Tell it how to behave, or to do something; `{}` asks what came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/_control", json.dumps(order))
            answer = connection.getresponse()
            found = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status == 200, found
        return found

    def recorded(self) -> list[dict[str, Any]]:
        """The messages it accepted, each where it was accepted first."""
        return [json.loads(line) for line in self.record.read_text().splitlines()] if self.record.exists() else []

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """It takes connections and never answers, for the length of a block."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)


@dataclass
class Account:
    """Somebody whose session is connected; `session` is what the gateway calls it."""

    key: str
    user_id: str
    session: str
    caller: Caller

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask until it is accepted, always with the same Idempotency-Key; the answer's data."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.caller.call("POST", path, body, headers)
                if answer.status == 202:
                    return answer.data
                assert answer.status in (409, 503), answer.raw
            time.sleep(0.2)
        raise AssertionError(f"{path} was never accepted")

    def text(self, recipient: str, content: str) -> Any:
        return self.post("/api/v1/messages/send-text/", {"recipient": recipient, "content": content})

    def bulk(self, recipients: list[str], content: str) -> Any:
        return self.post("/api/v1/messages/send-bulk/", {"recipients": recipients, "content": content})


@dataclass
class WhatsAppScene:
    """The product and its gateway."""

    live: LiveProduct
    gateway: GatewayProcess

    def accounts(self, count: int) -> list[Account]:
        """People with a key each, whose sessions are linked by a scan and send as fast as they can."""
        admin = self.live.admin()
        made = [self._account(admin) for _ in range(count)]
        for account in made:
            self.live.wait(lambda one=account: self.status_of(one) == "qr_ready", 60, "no code to scan")
            self.gateway.order({"do": "become", "name": account.session, "status": "WORKING"})
        for account in made:
            self.live.wait(lambda one=account: self.status_of(one) == "connected", 60, "it was scanned and not connected")
        return made

    def _account(self, admin: Caller) -> Account:
        name = f"sender-{uuid.uuid4().hex[:12]}"
        body = {"username": name, "email": f"{name}@example.com", "password": f"long enough {uuid.uuid4().hex}"}
        person = admin.post("/api/v1/users/", body)
        assert person.status == 201, person.raw
        key = admin.post("/api/v1/api-keys/", {"name": name, "owner": person.data["id"], "scopes": SCOPES})
        assert key.status == 201, key.raw
        caller = self.live.key_caller(key.data["key"])
        opened = caller.post("/api/v1/sessions/init/", {})
        assert opened.status == 202, opened.raw
        paced = caller.call("PATCH", "/api/v1/sessions/pace/", {"messages_per_second": 0})
        assert paced.status == 200, paced.raw
        ((session_id,),) = self.live.query("SELECT id FROM whatsapp_whatsappsession WHERE user_id = %s", (person.data["id"],))
        return Account(key.data["key"], person.data["id"], f"atl_{session_id.hex}", caller)

    @staticmethod
    def status_of(account: Account) -> str:
        """Where a session stands."""
        found: str = account.caller.get("/api/v1/sessions/status/").data["status"]
        return found


@contextlib.contextmanager
def whatsapp_scene(record: Path) -> Iterator[WhatsAppScene]:
    """The product with the fake as the operator's WAHA."""
    gateway = GatewayProcess(record)
    try:
        with LiveProduct({**UNLIMITED, **gateway.environment}) as live:
            live.wait_ready()
            yield WhatsAppScene(live, gateway)
    finally:
        gateway.end()


def halt(live: LiveProduct, name: str, seconds: float) -> None:
    """Stop a component and all its processes for a while, without ending them."""
    pid = live.pid(name)
    family = [pid, *_children(pid)] if pid is not None else []
    _send(family, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        _send(family, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return []


def _send(family: list[int], number: signal.Signals) -> None:
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
