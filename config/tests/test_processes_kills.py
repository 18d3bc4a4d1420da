"""kill -9 of everything at random moments under load: what was answered is in the log exactly once, and the API comes back."""

import http.client
import random
import sys
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import pytest

from config.tests.live import Caller, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

CLIENTS, SECONDS = 8, 20.0
VICTIMS = ("web", "a web worker", "shipper", "worker", "valkey", "postgres")
PATHS = (
    "/api/v1/auth/me/",
    "/api/there-is-nothing/",
    "/api/v1/api-keys/scopes/",
    "/api/v1/analytics/usage-stats/",
    "/api/v1/analytics/api-logs/export/?limit=20",
)


@dataclass
class Client:
    """One integrator: sends requests with ids of its own and notes which were answered to the end."""

    caller: Caller
    answered: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)

    def run(self, until: float) -> None:
        paths = random.Random(0)
        while time.monotonic() < until:
            request_id = f"kill-{uuid.uuid4().hex}"
            try:
                answer = self.caller.get(paths.choice(PATHS), **{"X-Request-ID": request_id})
            except (OSError, http.client.HTTPException):
                self.unanswered.add(request_id)
                time.sleep(0.02)
            else:
                self.answered[request_id] = answer.status


def kill_at_random(live: LiveProduct, until: float, seed: int) -> list[str]:
    """Kill each component at least once, in random order at random moments; who was killed."""
    chance, killed = random.Random(seed), list[str]()
    order = chance.sample(VICTIMS, len(VICTIMS))
    while time.monotonic() < until:
        victim = order.pop() if order else chance.choice(VICTIMS)
        if victim == "a web worker":
            live.kill_web_worker()
        else:
            live.kill(victim)
        killed.append(victim)
        time.sleep(chance.uniform(0.3, 3.0))
    return killed


def logged(live: LiveProduct) -> dict[str, int]:
    """How often each request id of this test is in the request log."""
    return dict(live.query("SELECT request_id, count(*) FROM analytics_apilog WHERE request_id LIKE 'kill-%%' GROUP BY 1"))


@dataclass
class Aftermath:
    """What the clients saw of it, once everything is back and the log has caught up."""

    seed: int
    killed: list[str]
    answered: dict[str, int]
    unanswered: set[str]
    seconds_until_ready: float


@pytest.fixture(scope="module")
def aftermath(live: LiveProduct) -> Aftermath:
    """Twenty seconds of load and kills."""
    seed = random.SystemRandom().randrange(1 << 32)
    live.wait_ready()
    until = time.monotonic() + SECONDS
    clients = [Client(live.key_caller() if number % 4 else live.caller()) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    killed = kill_at_random(live, until - 1, seed)
    for thread in threads:
        thread.join()
    ended = time.monotonic()
    live.wait_ready()
    back = time.monotonic() - ended
    live.wait_logged()
    answered = {request_id: status for client in clients for request_id, status in client.answered.items()}
    return Aftermath(seed, killed, answered, set[str]().union(*(client.unanswered for client in clients)), back)


def test_each_answered_request_is_in_the_log_exactly_once_and_others_at_most_once(
    live: LiveProduct, aftermath: Aftermath
) -> None:
    found = logged(live)

    sys.stdout.write(
        f"seed {aftermath.seed}: killed {', '.join(aftermath.killed)}; {len(aftermath.answered)} answered "
        f"{dict(Counter(aftermath.answered.values()))}, {len(aftermath.unanswered)} not; "
        f"everything ready {aftermath.seconds_until_ready:.1f} s after the load\n"
    )
    assert len(aftermath.answered) > 300, "there was no load"
    assert set(VICTIMS) <= set(aftermath.killed)
    assert aftermath.answered.keys() - found.keys() == set(), "answered and not logged"
    assert {request_id for request_id, count in found.items() if count != 1} == set(), "logged twice"
    assert found.keys() - aftermath.answered.keys() <= aftermath.unanswered, "logged and never sent"


def test_nobody_was_answered_anything_but_well_or_a_clear_503(aftermath: Aftermath) -> None:
    # 401 is what a client without a key gets for most of it.
    assert set(aftermath.answered.values()) <= {200, 401, 404, 503}


def test_the_product_recovered_by_itself(live: LiveProduct, aftermath: Aftermath) -> None:
    assert aftermath.seconds_until_ready < 60
    assert [live.key_caller().get("/api/v1/auth/me/").status for _ in range(20)] == [200] * 20


def test_statistics_agree_with_the_log(live: LiveProduct, aftermath: Aftermath) -> None:
    live.wait_logged()
    by_rows = live.query("SELECT user_id, count(*) FROM analytics_apilog WHERE user_id IS NOT NULL GROUP BY 1")
    by_days = live.query("SELECT user_id, sum(api_requests)::bigint FROM analytics_usagestats GROUP BY 1")

    assert by_rows
    assert dict(by_days) == dict(by_rows)


def test_nothing_is_left_on_the_disk_of_dead_processes(live: LiveProduct, aftermath: Aftermath) -> None:
    live.wait(lambda: len(list(live.layout.spool.glob("*.log"))) <= live.workers, 15, "spool files of dead processes stay")
    assert not list(live.layout.spool.glob("rejected/*"))
    assert not (live.layout.spool / "dropped.tally").exists()
