"""The limiter: leases, charges, refunds, and what happens while Redis is away."""

import sys
import threading
import time

import pytest
from django.conf import settings as django_settings

from core import metrics
from core.limits import Limiter, Policy
from core.limits import limiter as the_limiter
from core.limits.limiter import MAX_TRACKED
from core.redis import Breaker, client
from core.tests.support import lost_redis


@pytest.fixture
def limiter():
    return Limiter(Breaker(retry_after=0.2))


@pytest.fixture
def away(monkeypatch):
    """Redis at a port where nobody listens; calling it lets the real one back."""
    lost = lost_redis()
    monkeypatch.setattr("core.redis.client", lambda: lost)

    def back():
        monkeypatch.setattr("core.redis.client", client)

    return back


def used_in_redis(policy, key):
    return sum(int(units) for units in client().hvals(f"atelier:limit:{policy.name}:{key}"))


class TestTaking:
    def test_one_process_gets_exactly_the_quota(self, limiter):
        policy = Policy("p", 100, 60)
        decisions = [limiter.take(policy, "k") for _ in range(130)]
        assert [d.admitted for d in decisions] == [True] * 100 + [False] * 30
        assert [d.remaining for d in decisions] == [*range(99, -1, -1)] + [0] * 30
        assert all(0 < d.reset <= 63 for d in decisions)

    def test_sixteen_threads_over_two_processes_worth_of_limiters_get_exactly_the_quota(self):
        policy = Policy("p", 1000, 60)
        limiters = [Limiter(Breaker(1.0)), Limiter(Breaker(1.0))]
        admitted, barrier = [], threading.Barrier(16)

        def work(number):
            barrier.wait()
            admitted.append(sum(limiters[number % 2].take(policy, "k").admitted for _ in range(150)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        total = sum(admitted)
        assert total <= 1000
        # What one limiter still holds leased when the other runs dry is a few units at most.
        assert total >= 990

    def test_a_busy_key_asks_redis_far_less_often_than_it_is_used(self, limiter):
        policy = Policy("p", 100_000, 60)
        before = client().info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
        for _ in range(5000):
            assert limiter.take(policy, "k").admitted
        asked = client().info("commandstats")["cmdstat_evalsha"]["calls"] - before
        assert asked < 200

    def test_keys_and_policies_do_not_share(self, limiter):
        one, two = Policy("a", 1, 60), Policy("b", 1, 60)
        assert limiter.take(one, "x").admitted
        assert limiter.take(one, "y").admitted
        assert limiter.take(two, "x").admitted
        assert not limiter.take(one, "x").admitted

    def test_a_quota_of_nothing_admits_nothing(self, limiter):
        decision = limiter.take(Policy("closed", 0, 60), "k")
        assert (decision.admitted, decision.remaining) == (False, 0)

    def test_units_of_an_unused_lease_return_when_it_is_renewed(self, limiter):
        policy = Policy("p", 100, 1)
        for _ in range(20):
            limiter.take(policy, "k")
        held = limiter._leases["k", policy].units
        assert held > 0
        time.sleep(policy.lease_ms / 1000 + 0.005)
        before = used_in_redis(policy, "k")
        limiter.take(policy, "k")
        assert used_in_redis(policy, "k") == before - held + 1

    def test_a_leased_unit_is_not_used_after_its_lease(self, limiter):
        policy = Policy("p", 60, 1)
        for _ in range(10):
            limiter.take(policy, "k")
        lease = limiter._leases["k", policy]
        assert lease.units > 0
        time.sleep(policy.lease_ms / 1000 + 0.005)
        limiter.take(policy, "k")
        assert lease.size == 1, "a lease that was not used up in time is followed by single units"

    def test_the_window_slides_in_real_time(self, limiter):
        policy = Policy("p", 5, 1)
        taken: list[float] = []
        end = time.monotonic() + 2.6
        while time.monotonic() < end:
            at = time.monotonic()
            if limiter.take(policy, "k").admitted:
                taken.append(at)
            time.sleep(0.004)
        assert 10 <= len(taken) <= 15
        for start in taken:
            assert sum(1 for t in taken if start <= t < start + 0.998) <= 5


class TestRefusals:
    def test_a_refusal_is_remembered_for_half_a_second_so_a_flood_does_not_reach_redis(self, limiter):
        policy = Policy("p", 1, 60)
        limiter.take(policy, "k")
        assert not limiter.take(policy, "k").admitted
        client().delete("atelier:limit:p:k")
        assert not limiter.take(policy, "k").admitted, "still remembered"
        time.sleep(0.55)
        assert limiter.take(policy, "k").admitted

    def test_a_refusal_is_not_remembered_longer_than_the_wait_it_names(self, limiter):
        policy = Policy("p", 1, 1, fixed=True)
        time.sleep(max(0.0, 0.8 - time.time() % 1) if time.time() % 1 < 0.8 else 0)
        while limiter.take(policy, "k").admitted:
            pass
        decision = limiter.take(policy, "k")
        if not decision.admitted:
            time.sleep(decision.reset + 0.02)
        assert limiter.take(policy, "k").admitted

    def test_remaining_and_reset_stay_sane_while_refused(self, limiter):
        policy = Policy("p", 1, 60)
        limiter.take(policy, "k")
        for _ in range(3):
            decision = limiter.take(policy, "k")
            assert not decision.admitted
            assert decision.remaining == 0
            assert 55 < decision.reset <= 63


class TestCharging:
    def test_charges_are_exact_across_limiters_at_once(self, limiter):
        other, policy = Limiter(Breaker(1.0)), Policy("login", 5, 60)
        outcomes = [(limiter if n % 2 else other).charge(policy, "k").admitted for n in range(8)]
        assert outcomes == [True] * 5 + [False] * 3

    def test_a_refund_makes_room_for_one_more_and_no_more(self, limiter):
        policy = Policy("login", 2, 60)
        assert [limiter.charge(policy, "k").admitted for _ in range(3)] == [True, True, False]
        limiter.refund(policy, "k")
        assert [limiter.charge(policy, "k").admitted for _ in range(2)] == [True, False]

    def test_refunding_what_was_never_charged_gives_nothing_extra(self, limiter):
        policy = Policy("login", 2, 60)
        for _ in range(5):
            limiter.refund(policy, "k")
        assert [limiter.charge(policy, "k").admitted for _ in range(3)] == [True, True, False]


class TestRedisAway:
    def test_each_process_limits_on_its_own_and_a_metric_says_so(self, limiter, away):
        policy = Policy("p", 10, 60)
        before = metrics.limit_fallbacks()._value.get()
        outcomes = [limiter.take(policy, "k") for _ in range(15)]
        assert [d.admitted for d in outcomes] == [True] * 10 + [False] * 5
        assert outcomes[0].remaining == 9
        assert metrics.limit_fallbacks()._value.get() == before + 15

    def test_charges_fall_back_too_and_refunds_are_let_go(self, limiter, away):
        policy = Policy("login", 3, 60)
        assert [limiter.charge(policy, "k").admitted for _ in range(5)] == [True] * 3 + [False] * 2
        limiter.refund(policy, "k")

    def test_nobody_waits_for_it_while_the_breaker_is_open(self, limiter, away):
        policy = Policy("p", 1_000_000, 60)
        limiter.take(policy, "k")
        started = time.perf_counter()
        for _ in range(2000):
            limiter.take(policy, "k")
        assert time.perf_counter() - started < 1.0

    def test_when_it_is_back_the_shared_count_rules_again(self, limiter, away):
        policy = Policy("p", 5, 60)
        for _ in range(7):
            limiter.take(policy, "k")
        away()
        time.sleep(0.25)
        assert limiter.take(policy, "k").admitted, "the shared count knows nothing of the time alone"
        assert limiter._leases["k", policy].local is None
        assert used_in_redis(policy, "k") == 1

    def test_a_lease_in_hand_is_still_used(self, limiter, monkeypatch):
        policy = Policy("p", 1000, 60)
        for _ in range(20):
            limiter.take(policy, "k")
        held = limiter._leases["k", policy].units
        assert held > 1
        before = metrics.limit_fallbacks()._value.get()
        lost = lost_redis()
        monkeypatch.setattr("core.redis.client", lambda: lost)
        assert limiter.take(policy, "k").admitted
        assert metrics.limit_fallbacks()._value.get() == before


class TestBounds:
    def test_the_process_tracks_a_bounded_number_of_keys(self, limiter, monkeypatch):
        monkeypatch.setattr(sys.modules["core.limits.limiter"], "MAX_TRACKED", 50)
        assert MAX_TRACKED >= 10_000
        policy = Policy("p", 3, 60)
        for number in range(200):
            limiter.take(policy, f"k{number}")
        assert len(limiter._leases) <= 50
        # What was forgotten here is not forgotten in Redis.
        assert [limiter.take(policy, "k0").admitted for _ in range(3)] == [True, True, False]

    def test_forgetting_drops_the_leases(self, limiter):
        limiter.take(Policy("p", 3, 60), "k")
        limiter.forget()
        assert limiter._leases == {}

    def test_the_process_has_one_limiter(self):
        assert the_limiter() is the_limiter()
        assert django_settings.REDIS_TIMEOUT_SECONDS < 1
