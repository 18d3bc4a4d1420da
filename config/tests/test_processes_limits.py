"""A key's limit over two real server processes: never more, and hardly less."""

import sys
import time
from typing import Any

import pytest

from config.tests.live import Caller, LiveProduct, together

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

LIMIT, CONNECTIONS, REQUESTS_EACH = 100, 64, 8
ME = "/api/v1/auth/me/"


@pytest.fixture
def limited_key(live: LiveProduct) -> Any:
    """A key that may call a hundred times a minute."""
    return live.make_key(rate_limit=LIMIT)


def _burst(callers: list[Caller]) -> list[int]:
    """Call as fast as each connection can; every status."""
    per_connection = together(len(callers), lambda index: [callers[index].get(ME).status for _ in range(REQUESTS_EACH)])
    return [status for statuses in per_connection for status in statuses]


def test_a_limit_of_100_under_64_connections_over_two_processes_admits_at_most_100(live: LiveProduct, limited_key: Any) -> None:
    by_worker = live.callers_by_worker(CONNECTIONS // 2, f"ApiKey {limited_key['key']}")
    callers = [caller for mine in by_worker.values() for caller in mine]

    statuses = _burst(callers)
    # What a process had leased and not used is given back within its lease's second.
    time.sleep(1.5)
    later = _burst(callers[:8])
    admitted, admitted_later = statuses.count(200), later.count(200)

    sys.stdout.write(f"admitted {admitted} of {len(statuses)}, then {admitted_later}\n")
    assert set(statuses + later) <= {200, 429}
    assert 0.9 * LIMIT <= admitted <= LIMIT
    assert 0.95 * LIMIT <= admitted + admitted_later <= LIMIT


def test_a_refusal_names_the_policy_and_when_to_come_back(live: LiveProduct, limited_key: Any) -> None:
    caller = live.key_caller(limited_key["key"])
    answers = [caller.get(ME) for _ in range(LIMIT + 20)]

    admitted = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(admitted) + len(refused) == len(answers)
    assert 0.95 * LIMIT <= len(admitted) <= LIMIT
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == f'"default";q={LIMIT};w=60'
    for answer in refused:
        assert 1 <= int(answer.headers["retry-after"]) <= 63
        assert answer.headers["ratelimit"].startswith('"default";r=0;t=')
        assert answer.json["error"]["code"] == "rate_limited"


def test_the_limit_of_one_key_leaves_another_of_the_same_owner_alone(live: LiveProduct, limited_key: Any) -> None:
    first, second = live.key_caller(live.make_key(rate_limit=5)["key"]), live.key_caller(limited_key["key"])

    spent = [first.get(ME).status for _ in range(20)]

    assert spent.count(200) <= 5
    assert spent[-1] == 429
    assert [second.get(ME).status for _ in range(5)] == [200] * 5
