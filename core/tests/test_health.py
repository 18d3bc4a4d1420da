"""Liveness, readiness of each component, and metrics behind their token."""

import time

import pytest
from django.db import connection

from core import health, heartbeat
from core.db import base as database
from core.redis import breaker, client
from core.tests.support import closed_port, lost_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _open_breakers():
    breaker()._away_until = 0.0
    database._away_until = 0.0
    yield
    breaker()._away_until = 0.0
    database._away_until = 0.0


def ready(client, components=""):
    response = client.get("/health/ready" + (f"?components={components}" if components else ""))
    return response.status_code, response.json(), response


@pytest.fixture
def no_redis(monkeypatch):
    lost = lost_redis()
    monkeypatch.setattr("core.redis.client", lambda: lost)
    monkeypatch.setattr("core.health.client", lambda: lost)


@pytest.fixture
def no_database(monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", str(closed_port()))
    yield
    monkeypatch.undo()
    database._away_until = 0.0
    connection.close()


def test_live_answers_without_any_service(client, no_database, no_redis):
    assert client.get("/health/live").json() == {"status": "ok"}


class TestReady:
    def test_all_is_well_when_every_component_is(self, client):
        heartbeat.beat()
        status, body, response = ready(client)
        assert (status, body["status"]) == (200, "ok")
        assert set(body["components"]) == {"database", "redis", "broker", "worker", "migrations"}
        for state in body["components"].values():
            assert state["status"] == "ok"
            assert state["ms"] >= 0
        assert response["Cache-Control"] == "no-store"
        assert "Retry-After" not in response

    def test_no_worker_seen_is_down(self, client):
        status, body, response = ready(client)
        assert (status, body["status"]) == (503, "down")
        assert body["components"]["worker"]["status"] == "down"
        assert "no worker" in body["components"]["worker"]["detail"]
        assert body["components"]["database"]["status"] == "ok"
        assert response["Retry-After"] == "5"

    def test_a_worker_that_fell_silent_is_down_and_its_silence_told(self, client):
        redis_client().set(heartbeat.KEY, f"{time.time() - 100:.3f}")
        _, body, _ = ready(client, "worker")
        assert body["components"]["worker"]["detail"] == "last seen 100 s ago"

    def test_redis_away_takes_the_worker_out_of_sight_too(self, client, no_redis):
        status, body, _ = ready(client, "redis,worker,database")
        assert status == 503
        states = {name: state["status"] for name, state in body["components"].items()}
        assert states == {"redis": "down", "worker": "down", "database": "ok"}
        assert body["components"]["worker"]["detail"] == "unknown while redis is away"

    def test_the_broker_away_is_its_own_state(self, client, settings):
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{closed_port()}/0"
        started = time.monotonic()
        status, body, _ = ready(client, "broker,redis")
        assert time.monotonic() - started < 4
        assert status == 503
        assert body["components"]["broker"]["status"] == "down"
        assert body["components"]["redis"]["status"] == "ok"

    def test_the_database_away_is_down_without_a_word_of_its_address(self, client, no_database):
        status, body, response = ready(client, "database,redis")
        assert status == 503
        assert body["components"]["database"]["status"] == "down"
        assert body["components"]["redis"]["status"] == "ok"
        assert b"127.0.0.1" not in response.content

    def test_a_missing_migration_is_down(self, client, monkeypatch):
        health._migrated.cache_clear()
        monkeypatch.setattr("core.health.MigrationExecutor.migration_plan", lambda self, targets: [("a", False)])
        status, body, _ = ready(client, "migrations")
        assert status == 503
        assert body["components"]["migrations"]["detail"] == "1 migrations are not applied"
        monkeypatch.undo()
        assert ready(client, "migrations")[0] == 200, "a failure is not remembered"

    def test_only_what_is_asked_about_counts(self, client):
        status, body, _ = ready(client, "database,migrations")
        assert status == 200
        assert set(body["components"]) == {"database", "migrations"}
        assert set(ready(client, ",")[1]["components"]) == set(health.COMPONENTS)

    @pytest.mark.parametrize("components", ["planet", "database,planet", "%00", "<script>"])
    def test_an_unknown_component_is_400(self, client, components):
        status, body, _ = ready(client, components)
        assert (status, body["status"]) == (400, "error")
        assert len(body["unknown"]) == 1


class TestDatabaseAway:
    def test_requests_that_need_it_get_503_with_retry_after(self, api, no_database):
        response = api.post("/api/v1/auth/login/", {"username": "a", "password": "b"})
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "unavailable"
        assert int(response["Retry-After"]) >= 1

    def test_requests_that_do_not_are_served(self, api, no_database):
        assert api.get("/api/v1/nothing/").status_code == 404
        assert api.get("/api/v1/auth/me/", HTTP_AUTHORIZATION="ApiKey nonsense").status_code == 401

    def test_a_caller_still_known_to_the_process_is_limited_and_logged(self, as_key, api, key, no_database):
        # A valid key that the process does not know cannot be checked: 503, never 401.
        assert as_key.get("/api/v1/auth/me/").status_code == 503


class TestMetrics:
    def test_without_a_token_set_they_are_hidden_outside_development(self, client, settings):
        settings.METRICS_TOKEN = ""
        settings.METRICS_PUBLIC = False
        assert client.get("/metrics").status_code == 404
        settings.METRICS_PUBLIC = True
        assert client.get("/metrics").status_code == 200

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer ", "Bearer wrong", "Bearer s3cret-token-", "Basic s3cret", "Bearer \xff"]
    )
    def test_with_a_token_set_others_see_nothing_there(self, client, settings, header):
        settings.METRICS_TOKEN = "s3cret-token"
        settings.METRICS_PUBLIC = True
        headers = {} if header is None else {"HTTP_AUTHORIZATION": header}
        assert client.get("/metrics", **headers).status_code == 404

    def test_who_holds_the_token_sees_them_with_the_state_of_the_spool(self, client, settings):
        settings.METRICS_TOKEN = "s3cret-token"
        response = client.get("/metrics", HTTP_AUTHORIZATION="Bearer s3cret-token")
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain")
        text = response.content.decode()
        for name in ("atelier_spool_bytes", "atelier_spool_files", "atelier_spool_dropped_rows_total", "atelier_limit_fallbacks"):
            assert name in text


def test_the_beat_task_writes_the_sign_and_its_age_is_told():
    from core.tasks import heartbeat as task

    assert heartbeat.age() is None
    task.delay()
    assert 0 <= heartbeat.age() < 5


def redis_client():
    return client()
