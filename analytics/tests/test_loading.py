"""Loading spooled lines: each exactly once, all or nothing, whatever the session's clock says."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import DatabaseError, connection

from analytics import loading, partitions, statements
from analytics.choices import Cube, Period
from analytics.loading import Chunk, load
from analytics.models import APILog, Rollup, SpoolFile, UsageStats
from analytics.tests.factories import line, log, log_requests
from api_keys.models import APIKey
from api_keys.tests.factories import make_key
from core.ids import uuid7

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


def total():
    return sum(Rollup.objects.filter(cube=Cube.TOTAL, period=Period.DAY).values_list("requests", flat=True))


class TestRows:
    def test_a_row_holds_what_the_line_said(self):
        user_id, key, record = uuid7(), uuid7(), uuid7()
        at = NOON + timedelta(microseconds=123_457)
        log(
            line(
                at,
                record_id=record,
                method="PATCH",
                status_code=409,
                duration_us=54_321,
                bytes_in=7,
                bytes_out=8,
                ip_address="2001:db8::1",
                user_id=user_id,
                api_key_id=key,
                request_id="abc",
            )
        )
        row = APILog.objects.get()
        assert (row.id, row.timestamp, row.method, row.status_code) == (record, at, "PATCH", 409)
        assert (row.duration_us, row.bytes_in, row.bytes_out) == (54_321, 7, 8)
        assert (row.ip_address, row.user_id, row.api_key_id, row.request_id) == ("2001:db8::1", user_id, key, "abc")
        assert (row.endpoint, row.module) == ("/api/v1/users/{id}/", "users")

    def test_an_anonymous_request_from_nowhere_is_a_row_of_nulls(self):
        log(line(ip_address=None))
        row = APILog.objects.get()
        assert (row.ip_address, row.user_id, row.api_key_id) == (None, None, None)

    def test_a_load_of_nothing_is_no_row_and_keeps_a_mark(self):
        assert load([Chunk("empty.log", 0, b"")]) == 0
        assert SpoolFile.objects.get().rows == 0

    def test_late_and_early_rows_get_their_days_partition(self):
        days = [date(2024, 2, 29), date(2026, 3, 10), date(2031, 12, 31)]
        log(*(line(datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, tzinfo=UTC)) for day in days))
        assert set(days) <= set(partitions.existing())
        assert APILog.objects.count() == 3


class TestOnce:
    def test_the_same_chunk_again_loads_nothing(self):
        chunk = Chunk("a.log", 0, line() + line())
        assert load([chunk]) == 2
        assert load([chunk]) == 0
        assert (APILog.objects.count(), total()) == (2, 2)

    def test_the_next_chunk_is_loaded_from_where_the_last_one_ended(self):
        first, second = line(), line()
        load([Chunk("a.log", 0, first)])
        assert load([Chunk("a.log", len(first), second)]) == 1
        mark = SpoolFile.objects.get()
        assert (mark.offset, mark.rows, mark.rejected_rows) == (len(first) + len(second), 2, 0)

    def test_a_chunk_that_is_not_the_next_one_is_not_loaded(self):
        data = line()
        assert load([Chunk("a.log", len(data), data)]) == 0
        assert SpoolFile.objects.get().offset == 0

    def test_of_several_chunks_only_the_fresh_ones_are_loaded(self):
        old, new = Chunk("a.log", 0, line()), Chunk("b.log", 0, line() + line())
        load([old])
        assert load([old, new]) == 2
        assert APILog.objects.count() == 3

    def test_a_lost_mark_loads_no_row_twice(self):
        data = line() + line()
        load([Chunk("a.log", 0, data)])
        SpoolFile.objects.all().delete()
        assert load([Chunk("a.log", 0, data + line())]) == 1
        assert (APILog.objects.count(), total()) == (3, 3)
        assert SpoolFile.objects.get().rejected_rows == 0

    def test_a_line_that_stands_twice_is_one_row(self):
        twice = line()
        assert load([Chunk("a.log", 0, twice + line() + twice)]) == 2
        assert (APILog.objects.count(), total()) == (2, 2)


@pytest.mark.django_db(transaction=True)
class TestACrash:
    @pytest.mark.parametrize("statement", ["INSERT_LOG", "UPSERT_ROLLUP", "UPSERT_DETAIL", "KEY_USES", "UPSERT_USAGE"])
    def test_inside_the_transaction_leaves_nothing_behind_and_a_repeat_loads_all(self, monkeypatch, user, statement):
        made = make_key(user)
        chunk = Chunk("a.log", 0, line(user_id=user.pk, api_key_id=made.key.pk) * 1 + line())
        with monkeypatch.context() as patched:
            patched.setattr(statements, statement, "SELECT pg_terminate_backend(pg_backend_pid())")
            with pytest.raises((DatabaseError, psycopg.Error)):
                load([chunk])
        connection.close()
        assert not APILog.objects.exists()
        assert not Rollup.objects.exists()
        assert not UsageStats.objects.exists()
        assert not SpoolFile.objects.exists()
        assert APIKey.objects.get().last_used_at is None
        assert load([chunk]) == 2
        assert load([chunk]) == 0
        assert (APILog.objects.count(), total()) == (2, 2)
        assert UsageStats.objects.get().api_requests == 1
        assert APIKey.objects.get().last_used_at is not None

    def test_a_failing_consumer_takes_the_whole_batch_back(self, monkeypatch):
        def fail(uses):
            raise RuntimeError("no")

        monkeypatch.setattr(loading, "consumers", lambda: (fail,))
        with pytest.raises(RuntimeError):
            log_requests(api_key_id=uuid7())
        assert not APILog.objects.exists()
        assert not SpoolFile.objects.exists()


GOOD = line()
FIELDS = GOOD.rstrip(b"\n").split(b"\t")


def broken(column, value):
    """A line with a fresh id and one wrong value."""
    fields = line().rstrip(b"\n").split(b"\t")
    fields[column] = value
    return b"\t".join(fields) + b"\n"


BAD_LINES = {
    "no columns": b"garbage\n",
    "a column too few": b"\t".join(FIELDS[:-1]) + b"\n",
    "a column too many": GOOD.rstrip(b"\n") + b"\tmore\n",
    "an empty line": b"\n",
    "the end mark of COPY": b"\\.\n",
    "no UUID": broken(0, b"x"),
    "no id": broken(0, b"\\N"),
    "no number": broken(1, b"soon"),
    "a time before the beginning": broken(1, b"-1"),
    "a time past the end": broken(1, b"9223372036854775807"),
    "no method": broken(2, b"\\N"),
    "a method too long": broken(2, b"PROPPATCHED"),
    "an endpoint too long": broken(3, b"/" * 201),
    "a status past smallint": broken(4, b"99999"),
    "a status that is none": broken(4, b"7"),
    "a negative duration": broken(5, b"-5"),
    "a duration that overflows a sum": broken(5, b"9223372036854775807"),
    "no address": broken(8, b"999.1.1.1"),
    "no UTF-8": broken(11, b"\xff\xfe"),
    "a NUL": broken(11, b"a\x00b"),
    "a carriage return inside": broken(11, b"a\rb"),
    "a request id too long": broken(11, b"a" * 65),
    "a module too long": broken(12, b"m" * 41),
}


class TestABadLine:
    @pytest.fixture(autouse=True)
    def _spool(self, settings, tmp_path):
        settings.SPOOL_DIR = tmp_path
        self.rejected = tmp_path / "rejected"

    @pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
    @pytest.mark.parametrize("place", ["first", "middle", "last", "alone"])
    def test_is_set_aside_and_counted_and_the_rest_is_loaded(self, bad, place):
        lines = {"first": [bad, line(), line()], "middle": [line(), bad, line()], "last": [line(), line(), bad], "alone": [bad]}
        data = b"".join(lines[place])
        good = len(lines[place]) - 1
        assert load([Chunk("a.log", 0, data)]) == good
        mark = SpoolFile.objects.get()
        assert (mark.offset, mark.rows, mark.rejected_rows) == (len(data), good, 1)
        assert (self.rejected / "a.log.0.bad").read_bytes() == bad
        assert (APILog.objects.count(), total()) == (good, good)

    def test_a_foreign_line_end_among_others_is_a_bad_line(self):
        foreign = broken(12, b"users\r")
        assert load([Chunk("a.log", 0, line() + foreign + line())]) == 2
        assert load([Chunk("b.log", 0, foreign + line())]) == 1
        assert (self.rejected / "a.log.0.bad").read_bytes() == foreign

    def test_does_not_hold_up_other_files_and_keeps_its_order_among_its_like(self):
        bad = [b"one\n", b"two\n", b"three\n"]
        mixed = line() + bad[0] + line() + bad[1] + bad[2] + line()
        assert load([Chunk("a.log", 0, mixed), Chunk("b.log", 0, line())]) == 4
        assert (self.rejected / "a.log.0.bad").read_bytes() == b"".join(bad)
        assert not (self.rejected / "b.log.0.bad").exists()
        assert SpoolFile.objects.get(pk="b.log").rejected_rows == 0

    def test_of_a_later_chunk_does_not_overwrite_those_set_aside_before(self):
        load([Chunk("a.log", 0, b"one\n")])
        load([Chunk("a.log", 4, b"two\n")])
        assert sorted(path.read_bytes() for path in self.rejected.iterdir()) == [b"one\n", b"two\n"]
        assert SpoolFile.objects.get().rejected_rows == 2

    def test_among_thousands_costs_few_attempts(self, django_assert_max_num_queries):
        data = b"".join(line() for _ in range(1000)) + b"bad\n" + b"".join(line() for _ in range(1000))
        with django_assert_max_num_queries(150):
            assert load([Chunk("a.log", 0, data)]) == 2000


class TestUsage:
    def test_a_users_day_is_summed_with_errors_bytes_and_requests_by_module(self, user, other):
        chats = {"endpoint": "/api/v1/chat/{id}/", "module": "chat"}
        log_requests(3, at=NOON, user_id=user.pk)
        log_requests(2, at=NOON, user_id=user.pk, status_code=404, **chats)
        log_requests(1, at=NOON, user_id=user.pk, status_code=500)
        log_requests(1, at=NOON + timedelta(days=1), user_id=user.pk)
        log_requests(4, at=NOON, user_id=other.pk)
        log_requests(5, at=NOON)
        day = UsageStats.objects.get(user=user, date=NOON.date())
        assert (day.api_requests, day.errors, day.bytes_in, day.bytes_out) == (6, 3, 60, 600)
        assert day.modules == {"users": 4, "chat": 2}
        assert (day.messages_sent, day.media_sent) == (0, 0)
        assert UsageStats.objects.count() == 3

    def test_the_day_is_the_utc_day(self, user):
        midnight = datetime(2026, 3, 11, tzinfo=UTC)
        log(line(midnight - timedelta(microseconds=1), user_id=user.pk), line(midnight, user_id=user.pk))
        assert [day.date for day in UsageStats.objects.order_by("date")] == [date(2026, 3, 10), date(2026, 3, 11)]

    def test_counted_messages_are_kept(self, user):
        UsageStats.objects.create(user=user, date=NOON.date(), messages_sent=7, media_sent=2)
        log_requests(2, at=NOON, user_id=user.pk)
        day = UsageStats.objects.get()
        assert (day.messages_sent, day.media_sent, day.api_requests) == (7, 2, 2)

    @pytest.mark.parametrize(
        ("endpoint", "module"),
        [("(unknown)", "unknown"), ("/api/schema/", "docs"), ("/api/v1/", "docs"), ("/api/v1/api-keys/", "api-keys")],
    )
    def test_a_request_outside_a_module_is_counted_under_the_logs_own_name(self, user, endpoint, module):
        log_requests(endpoint=endpoint, module=module, user_id=user.pk)
        assert UsageStats.objects.get().modules == {module: 1}

    def test_the_module_counted_is_the_module_logged(self, as_user, as_key, load_spool):
        for path in ("auth/me/", "api-keys/", "analytics/summary/", "nowhere/", "api-keys/scopes/"):
            as_user.get(f"/api/v1/{path}")
            as_key.get(f"/api/v1/{path}")
        as_user.get("/api/schema/")
        load_spool()
        counted = {}
        for row in APILog.objects.exclude(user_id=None):
            counted[row.module] = counted.get(row.module, 0) + 1
        assert UsageStats.objects.get().modules == counted


class TestKeys:
    def test_the_newest_use_of_each_key_in_a_batch_moves_it_forward(self, user):
        one, two = make_key(user).key, make_key(user).key
        log(
            line(NOON, api_key_id=one.pk, user_id=user.pk, ip_address="192.0.2.2"),
            line(NOON + timedelta(seconds=1), api_key_id=one.pk, user_id=user.pk, ip_address="192.0.2.3"),
            line(NOON - timedelta(seconds=1), api_key_id=one.pk, user_id=user.pk),
            line(NOON, api_key_id=two.pk, user_id=user.pk, ip_address=None),
        )
        one.refresh_from_db()
        two.refresh_from_db()
        assert (one.last_used_at, one.last_used_ip) == (NOON + timedelta(seconds=1), "192.0.2.3")
        assert (two.last_used_at, two.last_used_ip) == (NOON, None)

    def test_a_late_batch_does_not_move_it_back(self, user):
        key = make_key(user).key
        log(line(NOON, api_key_id=key.pk, user_id=user.pk, ip_address="192.0.2.9"))
        log(line(NOON - timedelta(hours=5), api_key_id=key.pk, user_id=user.pk))
        key.refresh_from_db()
        assert (key.last_used_at, key.last_used_ip) == (NOON, "192.0.2.9")

    def test_a_refused_use_is_no_use(self, user):
        key = make_key(user).key
        log_requests(api_key_id=key.pk, user_id=user.pk, status_code=401)
        key.refresh_from_db()
        assert key.last_used_at is None
