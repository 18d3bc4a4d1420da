"""What the kernel leans on: Redis behind its breaker, PostgreSQL behind its own, the doorbell, and the audit trail's guard."""

import logging
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from celery import shared_task
from cryptography.fernet import Fernet
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.test import override_settings
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError as BrokerError

from core import audit, context, crypto, doorbell
from core.db import base as database
from core.ids import uuid7, uuid7_text
from core.logging import ConsoleFormatter, JSONFormatter
from core.models import AuditEntry
from core.redis import Breaker, RedisAway, breaker, client
from core.responses import APIResponse, dumps
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


@shared_task
def doorbell_rang(*args):
    """A task of the tests."""
    rung.append(args)


rung: list[tuple[object, ...]] = []


@pytest.mark.django_db(transaction=True)
class TestDoorbell:
    @pytest.fixture(autouse=True)
    def _quiet(self):
        rung.clear()
        doorbell._quiet_until = 0.0
        yield
        doorbell._quiet_until = 0.0

    def test_the_task_is_rung_after_the_commit(self):
        with transaction.atomic():
            doorbell.ring(doorbell_rang, "a", 1)
            assert rung == []
        assert rung == [("a", 1)]

    def test_nothing_rings_for_work_that_was_undone(self):
        with transaction.atomic():
            doorbell.ring(doorbell_rang, "a")
            transaction.set_rollback(True)
        assert rung == []

    @pytest.mark.parametrize("error", [BrokerError("away"), ConnectionRefusedError(), TimeoutError()])
    def test_with_the_broker_away_the_work_stands_and_the_sweep_will_find_it(self, monkeypatch, caplog, error):
        def fail(*args):
            rung.append(args)
            raise error

        monkeypatch.setattr(doorbell_rang, "delay", fail)
        with transaction.atomic():
            AuditEntry.objects.create(action="a", target_type="t", target_id="1")
            doorbell.ring(doorbell_rang)
        assert AuditEntry.objects.count() == 1
        assert "sweep will find" in caplog.text
        # The next request does not wait for it again at once.
        doorbell.ring(doorbell_rang)
        assert len(rung) == 1
        doorbell._quiet_until = 0.0
        doorbell.ring(doorbell_rang)
        assert len(rung) == 2

    def test_a_real_broker_that_refuses_does_not_fail_the_request(self, settings):
        from celery import Celery

        app = Celery("lost", broker=f"redis://127.0.0.1:{closed_port()}/0", set_as_current=False)
        app.conf.task_publish_retry_policy = settings.CELERY_TASK_PUBLISH_RETRY_POLICY
        app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        task = app.task(doorbell_rang.run, name="lost.task")
        started = time.monotonic()
        doorbell.ring(task)
        assert time.monotonic() - started < 5


@pytest.mark.django_db
class TestAudit:
    def test_an_entry_tells_who_did_what_to_which_thing_from_where(self, user):
        context.enter(context.RequestContext("rid", "203.0.113.7", "", "session"))
        target = uuid4()
        audit.record(
            "thing.changed", actor=user, target_type="thing", target_id=target, target_label="x" * 300, changes={"a": [1, 2]}
        )
        context.enter(context.RequestContext())
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id, entry.actor_label, entry.via) == ("thing.changed", user.pk, "owner", "session")
        assert (entry.target_type, entry.target_id, len(entry.target_label)) == ("thing", str(target), 254)
        assert (entry.changes, entry.ip_address, entry.request_id) == ({"a": [1, 2]}, "203.0.113.7", "rid")
        assert "thing.changed" in str(entry)

    def test_without_an_actor_it_was_the_system(self):
        audit.record("thing.swept", actor=None, target_type="thing", target_id="1")
        entry = AuditEntry.objects.get()
        assert (entry.actor_id, entry.actor_label, entry.via, entry.changes) == (None, "", "system", {})

    @pytest.mark.parametrize(
        "attempt",
        [
            lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(action="other"),
            lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
            lambda entry: entry.save(),
            lambda entry: entry.delete(),
        ],
        ids=["update", "delete", "save", "delete-one"],
    )
    def test_no_entry_can_be_changed_or_removed(self, attempt):
        audit.record("thing.made", actor=None, target_type="thing", target_id="1")
        entry = AuditEntry.objects.get()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt(entry)
        assert AuditEntry.objects.get().action == "thing.made"

    def test_an_entry_of_undone_work_is_undone_with_it(self):
        with pytest.raises(RuntimeError), transaction.atomic():
            audit.record("thing.made", actor=None, target_type="thing", target_id="1")
            raise RuntimeError
        assert AuditEntry.objects.count() == 0


class TestTasks:
    @pytest.mark.django_db
    def test_old_idempotency_records_are_purged_by_the_periodic_task(self):
        from core.models import IdempotencyRecord
        from core.tasks import purge_idempotency_records

        old = datetime(2020, 1, 1, tzinfo=UTC)
        record = IdempotencyRecord.objects.create(
            caller="c", method="POST", route="/r/", key="k", fingerprint=b"", status_code=201, body=b"", created_at=old
        )
        assert str(record) == "POST /r/"
        assert purge_idempotency_records.delay().get() == 1
        assert not IdempotencyRecord.objects.exists()

    def test_a_task_carries_the_id_of_the_request_that_rang_it(self):
        from config import celery

        context.enter(context.RequestContext())
        headers = {}
        celery._add_request_id(headers=headers)
        assert headers == {}
        context.enter(context.RequestContext(request_id="rid"))
        celery._add_request_id(headers=headers)
        assert headers["request_id"] == "rid"
        context.enter(context.RequestContext())
        seen = []
        doorbell_task = SimpleNamespace(request=SimpleNamespace(request_id="rid"))
        celery._enter_request(task=doorbell_task)
        seen.append(context.current().request_id)
        celery._leave_request()
        seen.append(context.current().request_id)
        assert seen == ["rid", ""]


class TestCrypto:
    def test_what_is_encrypted_can_be_read_back_and_looks_different_each_time(self):
        one, two = crypto.encrypt(b"secret"), crypto.encrypt(b"secret")
        assert one != two
        assert b"secret" not in one
        assert crypto.decrypt(one) == crypto.decrypt(two) == b"secret"

    @pytest.mark.parametrize("value", [b"", b"nonsense", b"gAAAAA" + b"x" * 100])
    def test_what_no_key_fits_is_none(self, value):
        assert crypto.decrypt(value) is None

    def test_an_older_key_still_reads_and_a_retired_one_does_not(self):
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

        def under(*keys):
            crypto._box.cache_clear()
            return override_settings(FIELD_ENCRYPTION_KEYS=list(keys))

        try:
            with under(old):
                kept = crypto.encrypt(b"secret")
            with under(new, old):
                assert crypto.decrypt(kept) == b"secret"
                renewed = crypto.encrypt(b"secret")
            with under(new):
                assert crypto.decrypt(kept) is None
                assert crypto.decrypt(renewed) == b"secret"
        finally:
            crypto._box.cache_clear()

    def test_digests_are_of_the_utf8(self):
        assert crypto.sha256("ü") == crypto.sha256("ü".encode())
        assert len(crypto.sha256("")) == 32


class TestIDs:
    def test_ids_are_version_7_and_grow_with_time(self):
        made = [uuid7() for _ in range(1000)]
        assert {item.version for item in made} == {7}
        assert len(set(made)) == 1000
        time.sleep(0.002)
        assert uuid7() > max(made)
        assert UUID(uuid7_text()).version == 7


class TestLogging:
    def record(self, message="hello %s", args=("you",), exc_info=None):
        return logging.LogRecord("a.b", logging.WARNING, __file__, 1, message, args, exc_info)

    def enter(self, request_id):
        context.enter(context.RequestContext(request_id=request_id))

    def test_machines_get_one_json_object_a_line(self):
        import json

        self.enter("rid")
        line = JSONFormatter().format(self.record("a\nb %s", ('ü"',)))
        self.enter("")
        entry = json.loads(line)
        assert "\n" not in line
        assert entry["message"] == 'a\nb ü"'
        assert (entry["level"], entry["logger"], entry["request_id"]) == ("WARNING", "a.b", "rid")
        assert datetime.fromisoformat(entry["time"]).tzinfo == UTC

    def test_a_traceback_is_part_of_the_object(self):
        import json
        import sys

        self.enter("")
        try:
            raise RuntimeError("boom")
        except RuntimeError:
            entry = json.loads(JSONFormatter().format(self.record(exc_info=sys.exc_info())))
        assert "RuntimeError: boom" in entry["exception"]
        assert "request_id" not in entry

    @pytest.mark.parametrize("text", ["\ud800", "\x00", "a" * 100_000, "\u2028", "\x1b[31m"])
    def test_no_text_stops_a_line_from_being_written(self, text):
        import json

        assert json.loads(JSONFormatter().format(self.record("%s", (text,))))["level"] == "WARNING"

    def test_people_get_a_readable_line_with_the_request_id_behind_it(self):
        self.enter("rid")
        line = ConsoleFormatter().format(self.record())
        self.enter("")
        assert line.endswith("WARNING a.b: hello you [rid]")
        assert ConsoleFormatter().format(self.record()).endswith("hello you")


class TestJSON:
    def test_times_are_utc_with_z_and_decimals_and_lazy_texts_are_strings(self):
        value = {"t": datetime(2026, 1, 1, tzinfo=UTC), "d": Decimal("1.50"), "l": gettext_lazy("x"), 1: UUID(int=0)}
        assert dumps(value) == b'{"t":"2026-01-01T00:00:00Z","d":"1.50","l":"x","1":"00000000-0000-0000-0000-000000000000"}'

    def test_an_answer_made_by_hand_has_the_envelope(self, rf):
        import json

        response = APIResponse.success([1], status=201, pagination={"page": 1})
        body = json.loads(response.content)
        assert (response.status_code, body["data"], body["meta"]["pagination"]) == (201, [1], {"page": 1})
        error = APIResponse.error(
            rf.get("/p/", HTTP_ACCEPT="application/problem+json"), 503, "away", "Gone.", headers={"Retry-After": "5"}
        )
        assert (error.status_code, error["Retry-After"], error["Content-Type"]) == (503, "5", "application/problem+json")
        assert json.loads(error.content)["code"] == "away"
