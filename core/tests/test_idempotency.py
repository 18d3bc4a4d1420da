"""Idempotency-Key: the work once, the answer again; nothing kept of what failed, and a crash leaves no trace."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.response import Response

from core import crypto, idempotency
from core.exceptions import Conflict, Invalid, Unprocessable
from core.models import AuditEntry, IdempotencyRecord

CALL = {"caller": "user:1", "method": "POST", "route": "/api/v1/things/", "key": "k", "payload": b"body"}


class Work:
    def __init__(self, status=201, headers=None):
        self.count = 0
        self.status = status
        self.headers = headers

    def __call__(self):
        self.count += 1
        AuditEntry.objects.create(action="made", target_type="t", target_id=str(self.count))
        return Response({"number": self.count}, status=self.status, headers=self.headers)


def once(work, **changes):
    return idempotency.run_once(**{**CALL, **changes}, work=work)


@pytest.mark.django_db
class TestReplay:
    def test_the_second_call_gets_the_first_answer_and_does_nothing(self):
        work = Work(headers={"Location": "/things/1/", "Cache-Control": "no-store"})
        first, second = once(work), once(work)
        assert work.count == 1
        assert AuditEntry.objects.count() == 1
        assert second.status_code == first.status_code == 201
        assert second.data == first.data == {"number": 1}
        assert second["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert second["Location"] == "/things/1/"
        assert second["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "change",
        [{"caller": "user:2"}, {"route": "/api/v1/others/"}, {"key": "K"}, {"method": "PUT"}],
        ids=lambda c: next(iter(c)),
    )
    def test_another_caller_route_or_key_is_another_request(self, change):
        work = Work()
        once(work)
        assert "Idempotency-Replayed" not in once(work, **change)
        assert work.count == 2

    def test_the_same_key_with_another_body_is_refused(self):
        work = Work()
        once(work)
        with pytest.raises(Unprocessable) as caught:
            once(work, payload=b"other")
        assert caught.value.stable_code == "idempotency_key_reused"
        assert work.count == 1

    def test_an_answer_without_a_body_is_kept_too(self):
        def work():
            return Response(status=204)

        once(work)
        again = once(work)
        assert (again.status_code, again.data) == (204, None)


@pytest.mark.django_db
class TestNothingKept:
    def test_a_refused_input_is_not_kept(self):
        def refuse():
            raise Invalid.field("a", "b")

        with pytest.raises(Invalid):
            once(refuse)
        assert IdempotencyRecord.objects.count() == 0
        work = Work()
        assert once(work, payload=b"corrected").data == {"number": 1}

    @pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
    def test_an_answer_of_400_or_above_is_not_kept(self, status):
        work = Work(status)
        once(work)
        once(work)
        assert work.count == 2
        assert IdempotencyRecord.objects.count() == 0

    def test_a_crash_between_the_work_and_the_answer_undoes_the_work_and_keeps_nothing(self):
        def crash():
            AuditEntry.objects.create(action="half", target_type="t", target_id="1")
            raise RuntimeError("gone")

        with pytest.raises(RuntimeError):
            once(crash)
        assert AuditEntry.objects.count() == 0
        assert IdempotencyRecord.objects.count() == 0
        assert once(Work()).status_code == 201

    def test_an_answer_that_cannot_be_kept_undoes_the_work(self):
        def unkeepable():
            AuditEntry.objects.create(action="half", target_type="t", target_id="1")
            return Response({"too big a number": 1 << 80})

        with pytest.raises(TypeError):
            once(unkeepable)
        assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
class TestAtRest:
    def test_the_answer_is_not_readable_in_the_database(self):
        once(lambda: Response({"key": "atl_live_shown-once"}, status=201))
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(r)::text, body FROM core_idempotencyrecord r")
            text, body = cursor.fetchone()
        assert b"shown-once" not in bytes(body)
        assert "shown-once" not in text
        assert b"shown-once" in crypto.decrypt(bytes(body))

    def test_an_answer_under_a_retired_key_is_a_conflict_and_not_a_crash(self):
        once(Work())
        IdempotencyRecord.objects.update(body=b"gAAAA not of our keys")
        with pytest.raises(Conflict) as caught:
            once(Work())
        assert caught.value.stable_code == "idempotency_unreadable"


@pytest.mark.django_db
class TestExpiry:
    def age(self, **by):
        IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(**by))

    def test_a_day_later_the_key_is_free_again(self):
        work = Work()
        once(work)
        self.age(hours=23, minutes=59)
        assert once(work)["Idempotency-Replayed"] == "true"
        self.age(hours=24, seconds=1)
        assert once(work, payload=b"other").data == {"number": 2}
        assert IdempotencyRecord.objects.count() == 1

    def test_the_purge_takes_what_is_past_its_day_only(self):
        once(Work(), key="old")
        self.age(hours=25)
        once(Work(), key="new")
        assert idempotency.purge() == 1
        assert [record.key for record in IdempotencyRecord.objects.all()] == ["new"]


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def in_thread(self, call):
        outcome = []

        def work():
            try:
                outcome.append(call())
            except Exception as error:
                outcome.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
        return outcome[0]

    def test_while_the_first_runs_the_second_is_told_to_come_back(self):
        seen = []

        def slow():
            seen.append(self.in_thread(lambda: once(Work())))
            return Response({"number": 0}, status=201)

        once(slow)
        (refusal,) = seen
        assert isinstance(refusal, Conflict)
        assert refusal.stable_code == "idempotency_in_progress"
        assert refusal.retry_after == 1
        assert AuditEntry.objects.count() == 0
        assert self.in_thread(lambda: once(Work()))["Idempotency-Replayed"] == "true"

    def test_another_key_is_not_held_up(self):
        seen = []

        def slow():
            seen.append(self.in_thread(lambda: once(Work(), key="another")))
            return Response({}, status=201)

        once(slow)
        assert seen[0].status_code == 201

    def test_of_sixteen_at_once_one_does_the_work(self):
        work, answers, barrier = Work(), [], threading.Barrier(16)

        def call():
            barrier.wait(10)
            try:
                answers.append(once(work).status_code)
            except Conflict:
                answers.append(409)
            finally:
                connection.close()

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert work.count == 1
        assert AuditEntry.objects.count() == 1
        assert answers.count(201) >= 1
        assert len(answers) == 16

    def test_a_lost_connection_in_the_middle_leaves_no_mark(self):
        def killed():
            AuditEntry.objects.create(action="half", target_type="t", target_id="1")
            self.in_thread(self.kill_the_others)
            return Response({}, status=201)

        with pytest.raises(Exception, match=r"terminat|closed|connection"):
            once(killed)
        connection.close()
        assert AuditEntry.objects.count() == 0
        assert once(Work()).status_code == 201

    def kill_the_others(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'idle in transaction'"
            )

    def test_on_commit_work_runs_once_and_only_after_the_answer_is_kept(self):
        rung = []

        def work():
            transaction.on_commit(lambda: rung.append(IdempotencyRecord.objects.count()))
            return Response({}, status=201)

        once(work)
        once(work)
        assert rung == [1]


class TestKeys:
    @pytest.mark.parametrize("good", ["a", "x" * 255, "8e03978e-40d5-43e8-bc93-6894a57f9324", "a b~!"])
    def test_printable_ascii_up_to_255_is_a_key(self, good):
        assert idempotency.checked_key(good) == good

    @pytest.mark.parametrize("bad", ["", "x" * 256, "a\nb", "a\x00", "é", "\x7f", "a\tb"])
    def test_anything_else_is_refused(self, bad):
        with pytest.raises(Invalid) as caught:
            idempotency.checked_key(bad)
        (detail,) = caught.value.details
        assert (detail.field, detail.code) == ("Idempotency-Key", "invalid_idempotency_key")
