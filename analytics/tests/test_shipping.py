"""The shipper: takes what writers leave on disk, removes what is done with, and never takes a line twice."""

import fcntl
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from analytics import housekeeping, loading, shipping
from analytics.choices import Cube, Period
from analytics.models import APILog, Rollup, SpoolFile
from analytics.shipping import AlreadyShipping, Shipper, bytes_waiting
from analytics.tests.factories import line, write
from core.request_log import SpoolWriter

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(tmp_path, settings):
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.SPOOL_DIR.mkdir()
    return settings.SPOOL_DIR


@pytest.fixture
def writer(spool):
    made = SpoolWriter(spool, segment_bytes=1 << 16, max_bytes=1 << 24)
    yield made
    made.close()


def files(spool):
    return sorted(path.name for path in spool.glob("*.log"))


class TestOnePass:
    def test_loads_the_lines_of_a_living_writer_and_leaves_its_file(self, spool, writer):
        writer.write(line())
        assert Shipper(spool).ship_once() == 1
        assert len(files(spool)) == 1
        writer.write(line())
        writer.write(line())
        assert Shipper(spool).ship_once() == 2
        assert APILog.objects.count() == 3
        assert len(files(spool)) == 1

    def test_removes_the_file_of_a_writer_that_ended(self, spool, writer):
        writer.write(line())
        writer.close()
        assert Shipper(spool).ship_once() == 1
        assert files(spool) == []
        assert Shipper(spool).ship_once() == 0
        assert APILog.objects.count() == 1

    def test_goes_through_the_files_a_writer_left_behind_while_rotating(self, spool):
        rotating = SpoolWriter(spool, segment_bytes=2000, max_bytes=1 << 20)
        for _ in range(100):
            rotating.write(line())
        rotating.close()
        assert len(files(spool)) > 5
        shipper = Shipper(spool)
        while shipper.ship_once():
            pass
        assert files(spool) == []
        assert APILog.objects.count() == 100

    @pytest.mark.django_db(transaction=True)
    def test_takes_a_backlog_over_several_connections_in_batches_of_bounded_size(self, spool, monkeypatch):
        monkeypatch.setattr(shipping, "MAX_BATCH_BYTES", 1000)
        batches = []

        def load(chunks):
            batches.append((threading.get_ident(), sum(len(chunk.data) for chunk in chunks)))
            return loading.load(chunks)

        monkeypatch.setattr(shipping, "load", load)
        for _ in range(6):
            write(spool, *(line() for _ in range(10)))
        shipper = Shipper(spool)
        assert sum(iter(shipper.ship_once, 0)) == 60 == APILog.objects.count()
        assert files(spool) == []
        assert max(size for _, size in batches) <= 1000
        assert 1 < len({thread for thread, _ in batches}) <= shipping.LOADERS + 1
        days = Rollup.objects.filter(cube=Cube.TOTAL, period=Period.DAY)
        assert sum(days.values_list("requests", flat=True)) == 60

    def test_holds_one_chunk_of_a_batch_at_a_time_and_loads_them_all_in_one_transaction(self, spool, monkeypatch):
        lines = [line() for _ in range(10)]
        monkeypatch.setattr(shipping, "CHUNK_BYTES", 3 * max(map(len, lines)))
        staged, stored, store = [], [], loading._store
        monkeypatch.setattr(loading.staging, "fill", lambda data, fill=loading.staging.fill: staged.append(data) or fill(data))
        monkeypatch.setattr(loading, "_store", lambda **options: stored.append(len(staged)) or store(**options))
        path = write(spool, *lines)
        assert Shipper(spool).ship_once() == 10 == APILog.objects.count()
        assert b"".join(staged) == b"".join(lines)
        assert len(staged) >= 4
        assert max(map(len, staged)) <= shipping.CHUNK_BYTES
        assert stored == [len(staged)]
        assert not path.exists()

    def test_a_bad_line_in_a_later_chunk_is_set_aside_and_every_other_is_loaded_once(self, spool, monkeypatch):
        monkeypatch.setattr(shipping, "CHUNK_BYTES", 1000)
        path = write(spool, *(line() for _ in range(20)), b"bad\n", *(line() for _ in range(20)))
        size = path.stat().st_size
        assert Shipper(spool).ship_once() == 40 == APILog.objects.count()
        mark = SpoolFile.objects.get()
        assert (mark.offset, mark.rows, mark.rejected_rows) == (size, 40, 1)
        assert [bad.read_bytes() for bad in (spool / "rejected").iterdir()] == [b"bad\n"]

    def test_an_empty_directory_is_no_work(self, spool):
        assert Shipper(spool).ship_once() == 0


class TestATornTail:
    @pytest.mark.parametrize("tail", [b"0190-torn", b"0190\tto" + bytes(500), b"to\0rn\n" + bytes(500)])
    def test_of_a_dead_writer_was_never_answered_and_goes_with_its_file(self, spool, tail):
        write(spool, line(), tail)
        assert Shipper(spool).ship_once() == 1
        assert files(spool) == []
        assert APILog.objects.count() == 1

    def test_of_a_living_writer_waits_for_its_end(self, spool):
        whole = line()
        path = write(spool, line(), whole[:30])
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert Shipper(spool).ship_once() == 1
            assert Shipper(spool).ship_once() == 0
            file.write(whole[30:])
            file.flush()
            assert Shipper(spool).ship_once() == 1
            assert files(spool) == [path.name]
        Shipper(spool).ship_once()
        assert files(spool) == []
        assert APILog.objects.count() == 2

    def test_alone_makes_no_rows(self, spool):
        write(spool, b"torn")
        assert Shipper(spool).ship_once() == 0
        assert files(spool) == []


class TestExactlyOnce:
    def test_after_a_crash_between_the_load_and_the_removal(self, spool, monkeypatch):
        class Killed(BaseException):
            pass

        def killed(*_):
            raise Killed

        path = write(spool, line(), line())
        with monkeypatch.context() as patched:
            patched.setattr(shipping, "_remove_if_done", killed)
            with pytest.raises(Killed):
                Shipper(spool).ship_once()
        assert path.exists()
        assert Shipper(spool).ship_once() == 0
        assert not path.exists()
        assert APILog.objects.count() == 2

    def test_a_file_that_another_loader_was_first_with_is_kept_until_its_rest_is_loaded(self, spool, monkeypatch):
        first, second = line(), line()
        path = write(spool, first, second)
        load = shipping.load

        def overtaken(chunks):
            load([shipping.Chunk(path.name, 0, first)])
            return load(chunks)

        with monkeypatch.context() as patched:
            patched.setattr(shipping, "load", overtaken)
            assert Shipper(spool).ship_once() == 0
        assert path.exists()
        assert Shipper(spool).ship_once() == 1
        assert not path.exists()
        assert APILog.objects.count() == 2

    @pytest.mark.parametrize("look", [1, 2])
    def test_a_file_taken_away_by_a_writer_that_had_to_make_room_is_passed_over(self, spool, monkeypatch, look):
        gone, kept = write(spool, line(), name="a"), write(spool, line(), name="b")
        found, looks = shipping._offsets, []

        def offsets(paths):
            looks.append(paths)
            if len(looks) == look:
                gone.unlink()
            return found(paths)

        monkeypatch.setattr(shipping, "_offsets", offsets)
        assert Shipper(spool).ship_once() == 1
        assert not kept.exists()


class TestMarks:
    def test_of_files_that_are_still_here_outlive_housekeeping(self, spool, writer):
        writer.write(line())
        gone = write(spool, line())
        hour = iter([0.0, 1800.0, 3601.0])
        shipper = Shipper(spool, clock=lambda: next(hour))
        shipper.ship_once()
        assert not gone.exists()
        old = timezone.now() - timedelta(days=31)
        SpoolFile.objects.update(updated_at=old)
        shipper.ship_once()
        assert set(SpoolFile.objects.values_list("updated_at", flat=True)) == {old}
        shipper.ship_once()
        assert housekeeping.purge()["spool_files"] == 1
        assert [mark.name for mark in SpoolFile.objects.all()] == files(spool)
        assert Shipper(spool).ship_once() == 0
        assert APILog.objects.count() == 2

    def test_are_renewed_by_a_shipper_that_just_started(self, spool, writer):
        writer.write(line())
        Shipper(spool).ship_once()
        SpoolFile.objects.update(updated_at=timezone.now() - timedelta(days=31))
        Shipper(spool).ship_once()
        assert housekeeping.purge()["spool_files"] == 0


class TestWaiting:
    def test_what_is_not_loaded_yet_is_measured(self, spool, writer):
        assert bytes_waiting(spool) == 0
        one = line()
        writer.write(one)
        assert bytes_waiting(spool) == len(one)
        Shipper(spool).ship_once()
        assert bytes_waiting(spool) == 0
        writer.write(one)
        assert bytes_waiting(spool) == len(one)


def until(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def stop_when(shipper, condition):
    """Stop it also when that never comes: a test fails then and does not hang."""
    try:
        until(condition)
    finally:
        shipper.stopping.set()


@pytest.fixture
def running(spool):
    """A shipper at work in a thread."""
    shipper = Shipper(spool)

    def work():
        try:
            shipper.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield shipper
    shipper.stopping.set()
    thread.join(timeout=15)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
class TestRunning:
    def test_ships_what_comes_and_ends_when_told(self, spool, writer, running):
        for number in range(1, 4):
            writer.write(line())
            until(lambda number=number: APILog.objects.count() == number)

    def test_two_shippers_never_work_on_one_directory(self, spool, running):
        until((spool / ".shipper.lock").exists)
        with pytest.raises(AlreadyShipping):
            Shipper(spool).run()
        with pytest.raises(CommandError, match="Another shipper"):
            call_command("ship_request_log")

    def test_behind_a_backlog_there_is_no_pause(self, spool, monkeypatch):
        monkeypatch.setattr(shipping, "BACKLOG_ROWS", 1)
        monkeypatch.setattr(shipping, "MAX_BATCH_BYTES", 1000)
        write(spool, *(line() for _ in range(50)))
        shipper, pauses = Shipper(spool), []

        class Stop(threading.Event):
            def wait(self, timeout=None):
                pauses.append(timeout)
                self.set()
                return True

        shipper.stopping = Stop()
        shipper.run()
        assert APILog.objects.count() == 50
        assert len(pauses) == 1

    def test_the_place_of_one_that_ended_is_free(self, spool):
        stopped = Shipper(spool)
        stopped.stopping.set()
        stopped.run()
        stopped.run()

    def test_it_waits_for_a_database_that_is_away_and_loads_each_row_once(self, spool, monkeypatch, caplog):
        load, attempts = shipping.load, []

        def away(chunks):
            attempts.append(len(list(chunks)))
            if len(attempts) < 3:
                with connections["default"].cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return load(chunks)

        monkeypatch.setattr(shipping, "load", away)
        monkeypatch.setattr(shipping, "PAUSE_SECONDS", 0.05)
        write(spool, line(), line())
        shipper = Shipper(spool)
        watcher = threading.Thread(target=stop_when, args=(shipper, lambda: not files(spool)))
        watcher.start()
        shipper.run()
        watcher.join()
        assert attempts == [1, 1, 1]
        assert APILog.objects.count() == 2
        assert sum("the spool keeps the rows" in record.message for record in caplog.records) == 2


class TestTheCommand:
    def test_once_loads_all_there_is_and_says_how_many(self, spool, capsys, monkeypatch):
        monkeypatch.setattr(shipping, "MAX_BATCH_BYTES", 1000)
        write(spool, *(line() for _ in range(20)))
        call_command("ship_request_log", once=True)
        assert capsys.readouterr().out == "20 rows loaded\n"
        assert APILog.objects.count() == 20

    def test_once_makes_the_directory_it_is_told_of(self, spool, capsys):
        spool.rmdir()
        call_command("ship_request_log", once=True)
        assert capsys.readouterr().out == "0 rows loaded\n"
        assert spool.is_dir()


def test_an_error_of_the_database_leaves_the_file_alone(spool, monkeypatch):
    def refuse(chunks):
        raise OperationalError

    path = write(spool, line())
    monkeypatch.setattr(shipping, "load", refuse)
    with pytest.raises(OperationalError):
        Shipper(spool).ship_once()
    assert path.exists()
