"""Webhooks of the whole product as it runs: what a web process or a task published arrives, whatever was killed meanwhile."""

import http.client
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from config.tests.live import UNLIMITED, LiveProduct
from webhooks.tests.receiver import Received, Receiver, hangs, receiving

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

VICTIMS = ("postgres", "valkey", "relay", "postgres", "relay", "valkey")


@dataclass
class Scene:
    """The product, a receiver it may call, and the secret of the administrator's endpoint for what API keys tell."""

    live: LiveProduct
    receiver: Receiver
    secret: str

    def told(self, kind: str) -> list[Received]:
        """What arrived of a type, its signature verified."""
        found = [got for got in list(self.receiver.seen) if got.json["type"] == kind]
        for got in found:
            got.verify(self.secret)
        return found


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """One server process will do: it is not what is killed here."""
    with receiving(hangs(0.02)) as receiver:
        extra = {**UNLIMITED, "OUTGOING_ALLOWED_PRIVATE": receiver.place, "WEBHOOK_TIMEOUT_SECONDS": "2"}
        with LiveProduct(extra, workers=1) as live:
            live.wait_ready()
            body = {"url": receiver.url, "event_types": ["api_key.created", "usage.quota_reached"]}
            answer = live.admin().post("/api/v1/webhooks/", body)
            assert answer.status == 201, answer.raw
            yield Scene(live, receiver, answer.data["secret"])


def test_a_key_whose_quota_is_used_up_is_told_of_once(scene: Scene) -> None:
    key = scene.live.make_key(daily_quota=2)
    caller = scene.live.key_caller(key["key"])
    assert [caller.get("/api/v1/auth/me/").status for _ in range(5)] == [200, 200, 429, 429, 429]
    began = time.monotonic()
    scene.live.wait(lambda: bool(scene.told("usage.quota_reached")), 20, "it was not told")
    sys.stdout.write(f"quota used up: told after {(time.monotonic() - began) * 1000:.0f} ms\n")
    time.sleep(1.0)
    (got,) = scene.told("usage.quota_reached")
    assert (got.json["data"]["api_key"], got.json["data"]["quota"]) == (key["id"], 2)


def change_while(scene: Scene, killer: threading.Thread) -> tuple[set[str], int]:
    """Make keys for as long as the killer works: the ids of those that were answered, and how many requests were not."""
    made, unanswered = set[str](), 0
    caller = scene.live.admin()
    killer.start()
    while killer.is_alive():
        try:
            answer = caller.post("/api/v1/api-keys/", {"name": "burst", "scopes": ["account:read"]})
        except (OSError, http.client.HTTPException):
            unanswered += 1
            continue
        assert answer.status in (201, 503), answer.raw
        if answer.status == 201:
            made.add(answer.data["id"])
        else:
            unanswered += 1
            time.sleep(0.1)
    return made, unanswered


def test_postgresql_valkey_and_the_relay_are_killed_in_a_burst_and_no_answered_change_is_lost(scene: Scene) -> None:
    live, chance = scene.live, random.Random(0)

    def kill() -> None:
        for victim in VICTIMS:
            time.sleep(chance.uniform(1.5, 3.0))
            live.kill(victim)

    made, unanswered = change_while(scene, threading.Thread(target=kill))
    live.wait_ready()
    unfinished = "SELECT count(*) FROM webhooks_webhookdelivery WHERE status <> 'succeeded'"

    def arrived() -> Counter[str]:
        return Counter(got.json["data"]["api_key"] for got in scene.told("api_key.created"))

    live.wait(lambda: made <= arrived().keys() and live.query(unfinished) == [(0,)], 60, "not everything arrived")
    found = arrived()
    sys.stdout.write(
        f"{len(made)} changes answered, {unanswered} not, {len(VICTIMS)} kills; {len(found)} events in {found.total()} requests\n"
    )
    assert len(made) > 50, "there was no burst"
    committed = {key for (key,) in live.query("SELECT payload->>'api_key' FROM events_event WHERE type = 'api_key.created'")}
    assert found.keys() <= committed
    assert len({got.id for got in scene.told("api_key.created")}) == len(found)
