"""With Redis or PostgreSQL away nobody waits for them twice."""

import threading
import time

import pytest
from django.db import OperationalError, connection, connections
from django.test import override_settings

from core.db import base as database
from core.redis import Breaker, RedisAway, breaker, client, publish
from core.tests.support import closed_port, lost_redis


class TestRedisBreaker:
    def lost(self, monkeypatch):
        gone = lost_redis()
        monkeypatch.setattr("core.redis.client", lambda: gone)

    def test_a_working_redis_is_called(self):
        assert Breaker(1.0).call(lambda r: r.ping()) is True

    def test_after_a_failure_it_is_not_asked_for_a_moment_and_then_again(self, monkeypatch, caplog):
        guard = Breaker(0.2)
        self.lost(monkeypatch)
        with pytest.raises(RedisAway):
            guard.call(lambda r: r.ping())
        assert guard.is_open
        asked = []
        with pytest.raises(RedisAway):
            guard.call(asked.append)
        assert asked == []
        monkeypatch.undo()
        time.sleep(0.22)
        assert not guard.is_open
        assert guard.call(lambda r: r.ping()) is True
        assert caplog.text.count("Redis is away") == 1

    def test_a_redis_that_hangs_costs_a_fraction_of_a_second(self, monkeypatch):
        import socket

        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            with override_settings(REDIS_URL=url):
                hanging = client.__wrapped__()
            monkeypatch.setattr("core.redis.client", lambda: hanging)
            started = time.monotonic()
            with pytest.raises(RedisAway):
                Breaker(1.0).call(lambda r: r.ping())
            assert time.monotonic() - started < 1.0

    def test_answers_that_nobody_waited_for_reach_nobody_else(self, monkeypatch):
        redis = client.__wrapped__()
        redis.set("outages:mine", b"mine")

        def late(*_args, **_options):
            raise TimeoutError

        monkeypatch.setattr(type(redis.connection_pool.make_connection()), "read_response", late)
        with pytest.raises(TimeoutError):
            publish(redis, [("outages", b"1"), ("outages", b"2")])
        monkeypatch.undo()
        assert redis.get("outages:mine") == b"mine"

    def test_an_error_of_ours_is_not_taken_for_an_outage(self):
        guard = Breaker(1.0)
        with pytest.raises(ZeroDivisionError):
            guard.call(lambda r: 1 / 0)
        assert not guard.is_open

    def test_the_process_has_one(self):
        assert breaker() is breaker()


class TestDatabaseBreaker:
    @pytest.fixture(autouse=True)
    def _closed(self):
        database._away_until = 0.0
        yield
        database._away_until = 0.0

    @pytest.fixture
    def lost(self):
        parameters = {**connections.settings["default"], "PORT": str(closed_port())}
        return database.DatabaseWrapper(parameters, "lost")

    def parameters(self, wrapper):
        return wrapper.get_connection_params()

    def test_while_the_server_is_away_nobody_else_tries_for_a_second(self, lost, monkeypatch):
        with pytest.raises(OperationalError, match="is away"):
            lost.get_new_connection(self.parameters(lost))
        with pytest.raises(OperationalError, match="a moment ago"):
            lost.get_new_connection(self.parameters(lost))
        monkeypatch.setattr(database, "_away_until", time.monotonic() - 0.01)
        with pytest.raises(OperationalError, match="is away"):
            lost.get_new_connection(self.parameters(lost))

    def test_of_many_threads_one_tries(self, lost):
        outcomes, barrier = [], threading.Barrier(8)
        database._away_until = time.monotonic() - 0.01

        def work():
            barrier.wait()
            try:
                lost.get_new_connection(self.parameters(lost))
            except OperationalError as error:
                outcomes.append("tried" if "is away" in str(error) else "spared")

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count("tried") == 1
        assert outcomes.count("spared") == 7

    @pytest.mark.django_db
    def test_when_it_is_back_everybody_connects_again(self, lost):
        with pytest.raises(OperationalError):
            lost.get_new_connection(self.parameters(lost))
        database._away_until = time.monotonic() - 0.01
        back = database.DatabaseWrapper(dict(connection.settings_dict), "back")
        for _ in range(2):
            back.get_new_connection(self.parameters(back)).close()
        assert database._away_until == 0.0

    @pytest.mark.django_db(transaction=True)
    def test_after_a_restart_the_first_lost_connection_clears_the_pool_of_the_others(self):
        settings = dict(connection.settings_dict)
        settings["OPTIONS"] = {**settings["OPTIONS"], "pool": {"min_size": 3, "max_size": 3, "timeout": 3}}
        pooled = database.DatabaseWrapper(settings, "pooled")
        try:
            pooled.pool.open()
            pooled.pool.wait(timeout=10)
            pooled.ensure_connection()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
                )
                assert cursor.fetchone()[0] >= 3
            with pytest.raises(OperationalError), pooled.cursor() as cursor:
                cursor.execute("SELECT 1")
            pooled.close()
            # Two more of the pool were dead too: nobody may be handed one.
            for _ in range(4):
                with pooled.cursor() as cursor:
                    cursor.execute("SELECT 1")
                pooled.close()
            assert database._away_until == 0.0
        finally:
            pooled.close_pool()
