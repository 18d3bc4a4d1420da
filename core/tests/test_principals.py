"""Principals and their cache: short-lived, bounded, and never older than a change it was told of."""

import ipaddress
import threading
from uuid import uuid4

import pytest

from core.principals import Principal, PrincipalCache, Refusal, principal_cache


def principal(**fields):
    defaults = {
        "kind": "session",
        "user_id": uuid4(),
        "credential_id": uuid4(),
        "is_staff": False,
        "is_guest": False,
        "scopes": None,
        "expires_at": float("inf"),
        "limits": (),
    }
    return Principal(**{**defaults, **fields})


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return PrincipalCache(ttl=5.0, size=3, clock=clock)


def put(cache, digest, outcome):
    cache.put(digest, outcome, cache.generation)


class TestLife:
    def test_an_outcome_is_known_for_its_time_and_not_longer(self, cache, clock):
        known, refused = principal(), Refusal("invalid_token", "no")
        put(cache, b"a", known)
        put(cache, b"b", refused)
        clock.now += 4.999
        assert cache.get(b"a") is known
        assert cache.get(b"b") is refused
        clock.now += 0.01
        assert cache.get(b"a") is None
        assert cache.get(b"b") is None

    def test_an_unknown_credential_is_unknown(self, cache):
        assert cache.get(b"never") is None

    def test_putting_again_renews(self, cache, clock):
        put(cache, b"a", principal())
        clock.now += 4
        put(cache, b"a", principal())
        clock.now += 4
        assert cache.get(b"a") is not None


class TestSize:
    def test_the_oldest_goes_first(self, cache):
        for digest in (b"1", b"2", b"3", b"4"):
            put(cache, digest, principal())
        assert cache.get(b"1") is None
        assert cache.get(b"4") is not None
        assert len(cache) == 3

    def test_a_flood_of_refused_credentials_does_not_push_out_the_valid_ones(self, cache):
        known = principal()
        put(cache, b"valid", known)
        for number in range(100):
            put(cache, f"bad{number}".encode(), Refusal("invalid_token", "no"))
        assert cache.get(b"valid") is known
        assert len(cache) == 1 + 3


class TestInvalidation:
    def test_a_change_of_a_user_drops_all_its_credentials_and_nobody_elses(self, cache):
        user = uuid4()
        put(cache, b"1", principal(user_id=user))
        put(cache, b"2", principal(user_id=user, kind="api_key", scopes=frozenset()))
        put(cache, b"3", principal())
        cache.drop("user", str(user))
        assert cache.get(b"1") is None
        assert cache.get(b"2") is None
        assert cache.get(b"3") is not None

    @pytest.mark.parametrize("kind", ["session", "api_key"])
    def test_a_change_of_one_credential_drops_that_one_only(self, cache, kind):
        user, gone = uuid4(), uuid4()
        put(cache, b"1", principal(user_id=user, credential_id=gone))
        put(cache, b"2", principal(user_id=user))
        cache.drop(kind, str(gone))
        assert cache.get(b"1") is None
        assert cache.get(b"2") is not None

    def test_every_refusal_is_dropped_since_one_may_have_become_valid(self, cache):
        put(cache, b"1", Refusal("api_key_inactive", "off"))
        cache.drop("user", str(uuid4()))
        assert cache.get(b"1") is None

    def test_an_outcome_read_before_a_change_is_not_kept_after_it(self, cache):
        # Read from the database, then revoked and announced, then put: it must not come to life again.
        generation = cache.generation
        stale = principal()
        cache.drop("user", str(stale.user_id))
        cache.put(b"1", stale, generation)
        assert cache.get(b"1") is None
        cache.clear()
        cache.put(b"1", stale, generation + 1)
        assert cache.get(b"1") is None

    def test_clearing_forgets_everything(self, cache):
        put(cache, b"1", principal())
        put(cache, b"2", Refusal("invalid_token", "no"))
        cache.clear()
        assert len(cache) == 0

    def test_readers_and_writers_of_many_threads_do_not_trip(self):
        cache = PrincipalCache(ttl=5.0, size=50)
        users = [uuid4() for _ in range(20)]
        problems = []

        def work(seed):
            try:
                for number in range(1500):
                    user = users[(seed + number) % 20]
                    put(cache, f"{seed}{number % 60}".encode(), principal(user_id=user))
                    cache.get(f"{number % 60}".encode())
                    if number % 7 == 0:
                        cache.drop("user", str(user))
            except Exception as error:
                problems.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert len(cache) <= 50


class TestPrincipal:
    def test_a_person_and_a_key_are_told_apart(self):
        person, key = principal(), principal(kind="api_key", scopes=frozenset({"a"}))
        assert (person.session_id, person.api_key_id) == (person.credential_id, None)
        assert (key.session_id, key.api_key_id) == (None, key.credential_id)
        assert person.via == "session"
        assert key.via == f"api_key:{key.credential_id}"
        assert person.caller == f"user:{person.user_id}"

    @pytest.mark.parametrize(
        ("networks", "address", "allowed"),
        [
            ([], None, True),
            ([], "203.0.113.7", True),
            (["203.0.113.0/24"], "203.0.113.7", True),
            (["203.0.113.0/24"], "::ffff:203.0.113.7", True),
            (["203.0.113.0/24"], "203.0.114.7", False),
            (["203.0.113.0/24"], None, False),
            (["203.0.113.0/24"], "", False),
            (["203.0.113.0/24"], "2001:db8::1", False),
            (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
            (["2001:db8::/32"], "203.0.113.7", False),
        ],
    )
    def test_a_key_bound_to_networks_is_allowed_from_there_only(self, networks, address, allowed):
        caller = principal(networks=tuple(ipaddress.ip_network(network) for network in networks))
        assert caller.allows_address(address) is allowed


def test_the_process_has_one_cache_that_lives_for_seconds(settings):
    assert principal_cache() is principal_cache()
    assert settings.PRINCIPAL_CACHE_SECONDS <= 5
