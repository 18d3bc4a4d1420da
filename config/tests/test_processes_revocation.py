"""The end of access, heard by every server process within a second."""

import sys
import threading
import time
from collections.abc import Callable

import pytest

from config.tests.live import Answer, Caller, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

ME = "/api/v1/auth/me/"
ROUNDS = 5


class Watch:
    """Calls a server process without pause and notes when it was refused for the first time."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.refused_at: float | None = None
        self.codes: set[str] = set()
        self.admitted_after_refusal = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()

    def _poll(self) -> None:
        while not self._done.is_set():
            answer = self.caller.get(ME)
            if answer.status == 401:
                self.refused_at = self.refused_at or time.monotonic()
                self.codes.add(answer.json["error"]["code"])
            elif self.refused_at is not None:
                self.admitted_after_refusal += 1
            time.sleep(0.002)

    def end(self) -> None:
        self._done.set()
        self._thread.join()


def seconds_until_refused(live: LiveProduct, credential: str, end_access: Callable[[], Answer]) -> list[float]:
    """Keep the credential warm in every process, end access, and measure how long each process still let it in."""
    watches = [Watch(caller) for (caller,) in live.callers_by_worker(1, credential).values()]
    try:
        time.sleep(0.3)
        assert all(watch.refused_at is None for watch in watches), "it must work before"
        assert end_access().status < 300
        ended = time.monotonic()
        while time.monotonic() < ended + 1.5 and any(watch.refused_at is None for watch in watches):
            time.sleep(0.01)
        time.sleep(0.2)
    finally:
        for watch in watches:
            watch.end()
    assert all(watch.refused_at is not None for watch in watches), "a process still lets it in"
    assert all(watch.admitted_after_refusal == 0 for watch in watches)
    seconds = [max(0.0, (watch.refused_at or 0.0) - ended) for watch in watches]
    sys.stdout.write(f"refused after {', '.join(f'{value * 1000:.0f} ms' for value in seconds)}\n")
    return seconds


def test_a_revoked_key_is_refused_in_every_process_in_under_a_second(live: LiveProduct) -> None:
    admin, measured = live.admin(), list[float]()
    for _ in range(ROUNDS):
        key = live.make_key()
        measured += seconds_until_refused(
            live, f"ApiKey {key['key']}", lambda key=key: admin.delete(f"/api/v1/api-keys/{key['id']}/")
        )

    assert len(measured) == ROUNDS * live.workers
    assert max(measured) < 1.0


def test_a_key_that_is_switched_off_is_refused_in_every_process_in_under_a_second(live: LiveProduct) -> None:
    admin, key = live.admin(), live.make_key()

    measured = seconds_until_refused(
        live, f"ApiKey {key['key']}", lambda: admin.call("PATCH", f"/api/v1/api-keys/{key['id']}/", {"is_active": False})
    )

    assert max(measured) < 1.0


def test_a_revoked_session_ends_its_access_token_in_every_process_in_under_a_second(live: LiveProduct) -> None:
    _, username, password = live.make_person()
    staying, measured = live.caller(f"Bearer {live.sign_in(username, password)['access']}"), list[float]()
    for _ in range(ROUNDS):
        leaving = live.sign_in(username, password)
        path = f"/api/v1/auth/sessions/{leaving['session_id']}/"
        measured += seconds_until_refused(live, f"Bearer {leaving['access']}", lambda path=path: staying.delete(path))
        assert live.caller().post("/api/v1/auth/refresh/", {"refresh": leaving["refresh"]}).status == 401

    assert max(measured) < 1.0
    assert staying.get(ME).status == 200


def test_deactivating_an_account_ends_its_token_and_its_key_in_every_process_in_under_a_second(live: LiveProduct) -> None:
    admin, measured = live.admin(), list[float]()
    for credential in ("token", "key"):
        person, username, password = live.make_person()
        key = live.make_key(owner=person)["key"]
        bearer = f"Bearer {live.sign_in(username, password)['access']}"
        measured += seconds_until_refused(
            live,
            bearer if credential == "token" else f"ApiKey {key}",
            lambda person=person: admin.post(f"/api/v1/users/{person}/deactivate/"),
        )

    assert max(measured) < 1.0


def test_a_new_password_ends_every_other_access_in_under_a_second(live: LiveProduct) -> None:
    _, username, password = live.make_person()
    stolen, owner = live.sign_in(username, password), live.caller(f"Bearer {live.sign_in(username, password)['access']}")
    change = {"current_password": password, "new_password": "an entirely other phrase"}

    measured = seconds_until_refused(
        live, f"Bearer {stolen['access']}", lambda: owner.post("/api/v1/auth/change-password/", change)
    )

    assert max(measured) < 1.0
