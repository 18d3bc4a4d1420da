"""`manage.py relay` as real processes, killed and stopped while they send: nothing that was committed is lost."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from users.tests.factories import make_user
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.tests.factories import make_endpoint, publish
from webhooks.tests.receiver import Behaviour, Flood, Receiver, answers, hangs, receiving, resets

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
    # One quick answer, and the endpoint has all its slots.
    receiver.plan = [answers(200), hangs(1.0)]
    user = make_user()
    make_endpoint(user, url=receiver.url, event_types=["user.created"])
    publish(user, 10)
    process = relays.start()
    wait(lambda: len(receiver.seen) == 1 + settings.WEBHOOK_CONCURRENCY_PER_ENDPOINT, 30, "nothing was sent")
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


# Where it leads, the relay refuses; here it is allowed, so that it can be set: a name that has turned private since.
TURNED_PRIVATE = "http://localhost:8080/hook"
BODY = 10_000_000


@pytest.fixture
def faults(receiver: Receiver, relays: Relays, settings) -> Iterator[dict[str, Receiver]]:
    """A receiver for each way to fail, and the good one, all of which the relay may call."""
    plans: dict[str, Behaviour] = {
        "hangs": hangs(TIMEOUT_SECONDS * 3),
        "resets": resets,
        "500": answers(500),
        "301": answers(301, Location="/elsewhere"),
        "410": answers(410),
        "429": answers(429, Retry_After="3600"),
        "10 MB": Flood(BODY),
    }
    with ExitStack() as stack:
        made = {name: stack.enter_context(receiving(plan)) for name, plan in plans.items()} | {"good": receiver}
        places = [one.place for one in made.values()]
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([*places, "localhost:8080"])
        relays.environment["OUTGOING_ALLOWED_PRIVATE"] = ",".join(places)
        yield made


def test_each_way_to_fail_ends_as_promised_and_good_ones_get_theirs_at_once_meanwhile(
    faults: dict[str, Receiver], relays: Relays
) -> None:
    urls = {name: receiver.url for name, receiver in faults.items()} | {"private": TURNED_PRIVATE}
    ids = {}
    for name, url in urls.items():
        owner = make_user()
        ids[name] = make_endpoint(owner, url=url, event_types=["user.created"]).endpoint.pk
        if name != "good":
            publish(owner, 10)
    good, owner = faults["good"], WebhookEndpoint.objects.get(pk=ids["good"]).owner
    process = relays.start()
    wait(lambda: faults["hangs"].seen, 30, "nothing was sent")
    idle = _peak_mb(process.pid)
    delays = []
    for number in range(40):
        began = time.monotonic()
        publish(owner)
        wait(lambda goal=number + 1: len(good.seen) == goal, 10, "it did not arrive")
        delays.append(good.seen[-1].at - began)
    wait(lambda: WebhookAttempt.objects.values("delivery__endpoint").distinct().count() == len(urls), 30, "not all were tried")
    grown = _peak_mb(process.pid) - idle
    process.terminate()
    process.wait(TIMEOUT_SECONDS + 10)

    sys.stdout.write(
        f"from publish to receiver beside {len(urls) - 1} failing ones: p50 {sorted(delays)[20] * 1000:.0f}, "
        f"worst {max(delays) * 1000:.0f} ms; memory grew by {grown:.0f} MB\n"
    )
    rows = {name: list(WebhookDelivery.objects.filter(endpoint_id=pk).order_by("-attempts")) for name, pk in ids.items()}
    ends = {name: (tried[0].status, tried[0].last_status_code, tried[0].last_error) for name, tried in rows.items()}
    assert ends == {
        "hangs": ("pending", None, "timed_out"),
        "resets": ("pending", None, "unreachable"),
        "500": ("pending", 500, "bad_status"),
        "301": ("pending", 301, "bad_status"),
        "410": ("failed", 410, "bad_status"),
        "429": ("pending", 429, "bad_status"),
        "10 MB": ("succeeded", 200, ""),
        "private": ("pending", None, "address_refused"),
        "good": ("succeeded", 200, ""),
    }
    assert {got.path for got in faults["301"].seen} == {"/hook"}
    off = WebhookEndpoint.objects.filter(is_active=False).values_list("pk", "disabled_reason")
    assert list(off) == [(ids["410"], "gone")]
    assert {row.status for row in rows["410"]} <= {"failed", "cancelled"}
    asked = [row.next_attempt_at - timezone.now() for row in rows["429"] if row.attempts]
    assert min(asked) > timedelta(minutes=58)
    flood = faults["10 MB"].plan[0]
    assert isinstance(flood, Flood)
    assert len(flood.sent) == 10
    assert max(flood.sent) < BODY
    assert grown < 40
    # A sweep comes each second; rung, they are well before it.
    assert sorted(delays)[20] < 0.5
    assert max(delays) < TIMEOUT_SECONDS


def _peak_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def test_a_receiver_that_was_away_gets_everything_when_it_is_back(receiver: Receiver, relays: Relays) -> None:
    receiver.plan = [*[answers(503, Retry_After="1")] * 20, answers(200)]
    user = make_user()
    make_endpoint(user, url=receiver.url, event_types=["user.created"])
    publish(user, 20)
    relays.start()
    wait(lambda: len(receiver.seen) == 20, 30, "nothing was sent")
    wait(lambda: WebhookDelivery.objects.filter(status="succeeded").count() == 20, 30, "not everything was delivered")
    assert set(Counter(got.id for got in receiver.seen).values()) == {2}
