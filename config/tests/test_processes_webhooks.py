"""`manage.py relay` as real processes, killed and stopped while they send: nothing that was committed is lost."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from users.tests.factories import make_user
from webhooks.models import WebhookAttempt, WebhookDelivery
from webhooks.tests.factories import make_endpoint, publish
from webhooks.tests.receiver import Receiver, answers, hangs, receiving

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

TIMEOUT_SECONDS = 2.0
EVENTS, KILLS = 120, 4


class Relays:
    """Processes on the test's own database, Redis and receiver."""

    def __init__(self, receiver: Receiver) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        self.environment = os.environ | {
            "DATABASE_URL": url.geturl(),
            "OUTGOING_ALLOWED_PRIVATE": receiver.place,
            "WEBHOOK_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "relay"]
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=self.environment)
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait(10)


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    with receiving() as made:
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset({made.place})
        yield made


@pytest.fixture
def relays(receiver: Receiver) -> Iterator[Relays]:
    made = Relays(receiver)
    try:
        yield made
    finally:
        made.end()


def wait(condition: Callable[[], object], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise}: {Counter(WebhookDelivery.objects.values_list('status', flat=True))}")
        time.sleep(0.02)


def pending() -> bool:
    return WebhookDelivery.objects.filter(status="pending").exists()


def test_killed_again_and_again_no_event_is_lost_and_what_came_twice_has_one_id(receiver: Receiver, relays: Relays) -> None:
    receiver.plan = [hangs(0.05)]
    user = make_user()
    made = make_endpoint(user, url=receiver.url, event_types=["user.created"])
    publish(user, EVENTS)
    for round_ in range(KILLS):
        goal = len(receiver.seen) + 10
        process = relays.start()
        wait(lambda goal=goal: len(receiver.seen) >= goal, 30, f"nothing was sent in round {round_}")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    killed_at = len(receiver.seen)
    relays.start()
    wait(lambda: WebhookDelivery.objects.count() == EVENTS and not pending(), 60, "not everything was delivered")

    rows = {f"msg_{row.event_id.hex}": row for row in WebhookDelivery.objects.all()}
    seen = Counter(got.id for got in receiver.seen)
    sys.stdout.write(f"{KILLS} kills by request {killed_at}; {EVENTS} events in {len(receiver.seen)} requests\n")
    assert set(seen) == set(rows)
    assert {row.status for row in rows.values()} == {"succeeded"}
    # Only what a killed process had under way can come again.
    assert len(receiver.seen) - EVENTS <= KILLS * settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT
    for got in receiver.seen:
        assert got.body.decode() == rows[got.id].body
        got.verify(made.secret)


def test_told_to_stop_it_finishes_what_is_under_way_and_leaves_the_rest_for_the_next(receiver: Receiver, relays: Relays) -> None:
    receiver.plan = [hangs(1.0)]
    user = make_user()
    make_endpoint(user, url=receiver.url, event_types=["user.created"])
    publish(user, 10)
    process = relays.start()
    wait(lambda: len(receiver.seen) == settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT, 30, "nothing was sent")
    began = time.monotonic()
    process.terminate()
    assert process.wait(TIMEOUT_SECONDS + 5) == 0
    assert time.monotonic() - began < TIMEOUT_SECONDS + 3
    states = Counter(WebhookDelivery.objects.values_list("status", "attempts"))
    assert states == {("succeeded", 1): len(receiver.seen), ("pending", 0): 10 - len(receiver.seen)}
    assert WebhookAttempt.objects.count() == len(receiver.seen)


def test_two_share_the_work_without_sending_anything_twice(receiver: Receiver, relays: Relays) -> None:
    user = make_user()
    make_endpoint(user, url=receiver.url, event_types=["user.created"])
    relays.start()
    relays.start()
    for _ in range(4):
        publish(user, 25)
    wait(lambda: WebhookDelivery.objects.filter(status="succeeded").count() == 100, 60, "not everything was delivered")
    assert Counter(Counter(got.id for got in receiver.seen).values()) == {1: 100}


def test_an_event_arrives_at_once_and_a_dead_endpoint_does_not_matter(receiver: Receiver, relays: Relays, settings) -> None:
    with receiving(hangs(TIMEOUT_SECONDS * 3)) as dead:
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset({dead.place, receiver.place})
        relays.environment["OUTGOING_ALLOWED_PRIVATE"] = f"{dead.place},{receiver.place}"
        one, another = make_user(), make_user()
        make_endpoint(one, url=dead.url, event_types=["user.created"])
        make_endpoint(another, url=receiver.url, event_types=["user.created"])
        publish(one, 50)
        relays.start()
        wait(lambda: dead.seen, 30, "nothing was sent")
        delays = []
        for number in range(10):
            began = time.monotonic()
            publish(another)
            wait(lambda goal=number + 1: len(receiver.seen) == goal, 10, "it did not arrive")
            delays.append(receiver.seen[-1].at - began)
    sys.stdout.write(f"from publish to receiver: {sorted(round(delay * 1000) for delay in delays)} ms\n")
    # A sweep comes each second; rung, they are well before it.
    assert sorted(delays)[5] < 0.5


def test_a_receiver_that_was_away_gets_everything_when_it_is_back(receiver: Receiver, relays: Relays) -> None:
    receiver.plan = [*[answers(503, Retry_After="1")] * 20, answers(200)]
    user = make_user()
    make_endpoint(user, url=receiver.url, event_types=["user.created"])
    publish(user, 20)
    relays.start()
    wait(lambda: len(receiver.seen) == 20, 30, "nothing was sent")
    wait(lambda: WebhookDelivery.objects.filter(status="succeeded").count() == 20, 30, "not everything was delivered")
    assert set(Counter(got.id for got in receiver.seen).values()) == {2}
