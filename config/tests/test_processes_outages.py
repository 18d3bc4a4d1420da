"""PostgreSQL, Valkey or both away: readiness says so, what needs them gets a clear 503, the rest is served; all heals itself."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.tests.live import Answer, Caller, LiveProduct, together

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

ME, UNKNOWN, READY, LIVE = "/api/v1/auth/me/", "/api/there-is-nothing/", "/health/ready", "/health/live"
WELL_FORMED_BUT_UNKNOWN = {"username": "nobody-of-this-name", "password": "long enough a password"}


@pytest.fixture(scope="module", autouse=True)
def late_letter(live: LiveProduct) -> str:
    """The address of somebody who registered while Valkey was away, before everything else here."""
    address = f"late-{uuid.uuid4().hex[:12]}@example.com"
    with live.without("valkey"):
        accepted = live.caller().post("/api/v1/auth/register/", _registration(address))
        assert accepted.status == 202, accepted.raw
        assert accepted.seconds < 5
    return address


@pytest.fixture
def healed(live: LiveProduct) -> Iterator[None]:
    """However a test ends, the next one finds everything running."""
    yield
    live.wait_ready()


def down(answer: Answer) -> set[str]:
    """The components readiness reports down."""
    return {name for name, state in answer.json["components"].items() if state["status"] != "ok"}


def assert_try_again(answer: Answer) -> None:
    """A clear 503 in the envelope with a time to come back."""
    assert answer.status == 503, answer.raw
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]["code"] == "unavailable"
    assert answer.json["meta"]["request_id"] == answer.headers["x-request-id"]


def slowest_under_load(live: LiveProduct, path: str, status: int, load: Callable[[Caller], Any], seconds: float) -> float:
    """Ask for `path` again and again while eight clients ask for what cannot be had; the slowest answer in seconds."""
    deadline = time.monotonic() + seconds
    slowest: list[float] = []

    def work(index: int) -> None:
        caller = live.key_caller() if index else live.caller()
        while time.monotonic() < deadline:
            if index:
                load(caller)
            else:
                answer = caller.get(path)
                assert answer.status == status
                slowest.append(answer.seconds)

    together(9, work)
    return max(slowest)


@pytest.mark.usefixtures("healed")
def test_without_postgresql_readiness_names_it_and_requests_that_need_it_get_503(live: LiveProduct) -> None:
    key, anonymous = live.key_caller(), live.caller()
    assert key.get(ME).status == 200

    with live.without("postgres"):
        ready = anonymous.get(READY)
        assert ready.status == 503
        assert down(ready) == {"database"}
        assert int(ready.headers["retry-after"]) >= 1
        assert anonymous.get(f"{READY}?components=redis").status == 200

        assert_try_again(key.get(ME))
        assert_try_again(anonymous.post("/api/v1/auth/login/", WELL_FORMED_BUT_UNKNOWN))
        problem = key.get(ME, Accept="application/problem+json")
        assert (problem.status, problem.headers["content-type"]) == (503, "application/problem+json")

    assert key.get(ME).status == 200
    assert anonymous.get(READY).status == 200


@pytest.mark.usefixtures("healed")
def test_without_postgresql_what_does_not_need_it_is_served_quickly_even_under_load(live: LiveProduct) -> None:
    anonymous = live.caller()
    with live.without("postgres"):
        # The pools find out once; until then a thread may wait for its connection.
        for callers in live.callers_by_worker(1, f"ApiKey {live.demo['ATELIER_API_KEY']}").values():
            callers[0].get(ME)
        assert anonymous.get(LIVE).status == 200
        assert anonymous.get(UNKNOWN).status == 404
        assert anonymous.get("/api/schema/").status == 200
        assert live.caller("ApiKey not-a-key").get(ME).status == 401
        assert live.caller("Bearer not-a-token").get(ME).status == 401
        assert anonymous.post("/api/v1/auth/login/", {}).status == 400
        slowest = slowest_under_load(live, UNKNOWN, 404, lambda caller: caller.get(ME), seconds=4)

    sys.stdout.write(f"slowest 404 without PostgreSQL under load: {slowest * 1000:.0f} ms\n")
    assert slowest < 1.0


@pytest.mark.usefixtures("healed")
def test_requests_answered_without_postgresql_are_in_the_log_once_it_is_back(live: LiveProduct) -> None:
    key, anonymous = live.key_caller(), live.caller()
    answered = [f"outage-{uuid.uuid4().hex}" for _ in range(40)]

    with live.without("postgres"):
        for number, request_id in enumerate(answered):
            caller, path = (key, ME) if number % 2 else (anonymous, UNKNOWN)
            assert caller.get(path, **{"X-Request-ID": request_id}).status in {404, 503}

    live.wait_logged()
    found = live.query("SELECT request_id, count(*) FROM analytics_apilog WHERE request_id = ANY(%s) GROUP BY 1", (answered,))
    assert dict(found) == dict.fromkeys(answered, 1)


@pytest.mark.usefixtures("healed")
def test_without_valkey_requests_are_served_and_readiness_says_it_is_down(live: LiveProduct) -> None:
    key, anonymous, admin = live.key_caller(), live.caller(), live.admin()

    with live.without("valkey"):
        ready = anonymous.get(READY)
        assert ready.status == 503
        assert down(ready) == {"redis", "broker", "worker"}
        assert anonymous.get(f"{READY}?components=database,migrations").status == 200

        answer = key.get(ME)
        assert answer.status == 200
        assert answer.headers["ratelimit-policy"].startswith('"default";q=')
        assert anonymous.get(UNKNOWN).status == 404
        assert live.sign_in()["access"]
        made = admin.post("/api/v1/api-keys/", {"name": "made without Valkey", "scopes": ["account:read"]})
        assert made.status == 201
        assert live.key_caller(made.data["key"]).get(ME).status == 200
        assert admin.delete(f"/api/v1/api-keys/{made.data['id']}/").status == 204
        time.sleep(0.5)
        assert live.key_caller(made.data["key"]).get(ME).status == 401

    assert anonymous.get(READY).status == 200


@pytest.mark.usefixtures("healed")
def test_without_valkey_each_process_limits_on_its_own_and_the_metric_says_so(live: LiveProduct) -> None:
    limit = 10
    key = live.make_key(rate_limit=limit)["key"]
    before = _fallbacks(live)

    with live.without("valkey"):
        for callers in live.callers_by_worker(1, f"ApiKey {key}").values():
            statuses = [callers[0].get(ME).status for _ in range(limit * 2)]
            assert statuses.count(200) <= limit
            assert statuses[-1] == 429
        assert _fallbacks(live) > before

    assert live.key_caller(live.make_key(rate_limit=limit)["key"]).get(ME).status == 200


@pytest.mark.usefixtures("healed")
def test_with_both_away_readiness_names_both_and_the_api_still_answers(live: LiveProduct) -> None:
    key, anonymous = live.key_caller(), live.caller()

    with live.without("postgres", "valkey"):
        ready = anonymous.get(READY)
        assert ready.status == 503
        assert {"database", "redis", "broker"} <= down(ready)
        assert anonymous.get(LIVE).status == 200
        assert anonymous.get(UNKNOWN).status == 404
        assert_try_again(key.get(ME))
        assert_try_again(anonymous.post("/api/v1/auth/login/", WELL_FORMED_BUT_UNKNOWN))

    assert key.get(ME).status == 200


@pytest.mark.usefixtures("healed")
def test_a_valkey_that_hangs_instead_of_refusing_slows_nobody_down_for_long(live: LiveProduct) -> None:
    key, anonymous = live.key_caller(), live.caller()

    with live.frozen("valkey"):
        answers = [key.get(ME) for _ in range(50)]
        assert {answer.status for answer in answers} == {200}
        slowest = slowest_under_load(live, ME, 401, lambda caller: caller.get(ME), seconds=3)
        ready = anonymous.get(READY)
        assert ready.status == 503
        assert {"redis", "broker"} <= down(ready)
        assert ready.seconds < 8
        accepted = anonymous.post("/api/v1/auth/register/", _registration(f"{uuid.uuid4().hex}@example.com"))
        assert accepted.status == 202

    total = sum(answer.seconds for answer in answers)
    sys.stdout.write(
        f"hanging Valkey: 50 requests in {total:.2f} s, slowest under load {slowest * 1000:.0f} ms, "
        f"readiness {ready.seconds:.2f} s, registration {accepted.seconds:.2f} s\n"
    )
    assert slowest < 1.5
    assert accepted.seconds < 8
    assert key.get(ME).status == 200


@pytest.mark.usefixtures("healed")
def test_after_a_longer_outage_of_postgresql_every_process_is_back_within_seconds(live: LiveProduct) -> None:
    with live.without("postgres"):
        deadline = time.monotonic() + 16
        together(4, lambda _: _keep_asking(live.key_caller(), deadline))
    began = time.monotonic()

    # `without` returned when every process was ready again: nothing must be left of the outage then.
    answers = together(8, lambda _: [caller.get(ME).status for caller in [live.key_caller()] * 10])

    assert {status for statuses in answers for status in statuses} == {200}
    assert time.monotonic() - began < 5


def test_a_letter_asked_for_without_valkey_was_sent_once_it_was_back(live: LiveProduct, late_letter: str) -> None:
    live.wait(lambda: late_letter in live.layout.log("worker").read_text(), 60, "the letter was not sent")


def _registration(address: str) -> dict[str, str]:
    return {"username": address.partition("@")[0], "email": address, "password": "long enough a password"}


def _keep_asking(caller: Caller, deadline: float) -> None:
    while time.monotonic() < deadline:
        caller.get(ME)
        time.sleep(0.05)


def _fallbacks(live: LiveProduct) -> float:
    text = live.caller().get("/metrics").raw.decode()
    values = [line.split()[-1] for line in text.splitlines() if "limit_fallback" in line and not line.startswith("#")]
    return sum(float(value) for value in values)
