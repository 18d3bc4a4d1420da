"""The spool: each answered request is one whole line on disk, whatever happens to the process or the disk."""

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from core.request_log import SpoolWriter, spool, spool_state
from core.request_log.spool import TALLY, whole_lines

LINE = b"x" * 99 + b"\n"


def writer(directory, segment=10_000, room=1_000_000):
    return SpoolWriter(directory, segment_bytes=segment, max_bytes=room)


def logs(directory):
    return sorted(directory.glob("*.log"))


def lines(directory):
    return [line for path in logs(directory) for line in whole_lines(path, 0, 1 << 30).splitlines(keepends=True)]


def is_locked(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def dropped(directory):
    tally = directory / TALLY
    return sum(int(line) for line in tally.read_text().split()) if tally.exists() else 0


def run(code, *args):
    """Python in a process of its own."""
    script = "import sys; from pathlib import Path; from core.request_log import SpoolWriter\n" + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )


class TestWriting:
    def test_a_line_is_on_disk_when_write_returns(self, tmp_path):
        writer(tmp_path).write(LINE)
        assert lines(tmp_path) == [LINE]

    def test_the_directory_is_made_when_missing(self, tmp_path):
        writer(tmp_path / "a" / "b").write(LINE)
        assert lines(tmp_path / "a" / "b") == [LINE]

    def test_threads_interleave_lines_and_never_tear_or_lose_one(self, tmp_path):
        spool = writer(tmp_path, segment=5_000)

        def work(number):
            for count in range(200):
                spool.write(f"{number}:{count}:{'y' * (count % 50)}\n".encode())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = lines(tmp_path)
        expected = {f"{number}:{count}:{'y' * (count % 50)}\n".encode() for number in range(8) for count in range(200)}
        assert len(found) == 1600
        assert set(found) == expected
        # Each thread's lines keep their order.
        for number in range(8):
            mine = [int(line.split(b":")[1]) for line in found if line.startswith(f"{number}:".encode())]
            assert mine == sorted(mine)
        assert len(logs(tmp_path)) > 5

    def test_a_file_ends_at_its_size_and_files_sort_by_age(self, tmp_path):
        spool = writer(tmp_path, segment=300)
        for number in range(9):
            spool.write(f"{number:098d}\n".encode())
        spool.close()
        assert [path.stat().st_size for path in logs(tmp_path)] == [297, 297, 297]
        assert [int(line) for line in lines(tmp_path)] == list(range(9))

    def test_only_its_owner_and_group_may_read_it(self, tmp_path):
        writer(tmp_path).write(LINE)
        assert logs(tmp_path)[0].stat().st_mode & 0o007 == 0


class TestLocking:
    def test_a_file_appears_already_locked(self, tmp_path, monkeypatch):
        seen = []
        rename = os.rename

        def look(source, target):
            seen.append(is_locked(tmp_path / os.path.basename(source)))
            rename(source, target)

        monkeypatch.setattr("pathlib.os.rename", look)
        writer(tmp_path).write(LINE)
        assert seen == [True]

    def test_it_stays_locked_while_it_may_be_written_and_is_free_when_closed(self, tmp_path):
        spool = writer(tmp_path)
        spool.write(LINE)
        (path,) = logs(tmp_path)
        assert is_locked(path)
        spool.close()
        assert not is_locked(path)
        spool.write(LINE)
        assert len(logs(tmp_path)) == 2

    def test_a_full_file_is_freed_within_seconds_by_the_sync(self, tmp_path):
        spool = writer(tmp_path, segment=100)
        spool.write(LINE)
        spool.write(LINE)
        first, second = logs(tmp_path)
        spool.sync()
        assert not is_locked(first)
        assert is_locked(second)

    def test_one_file_that_cannot_be_synced_does_not_keep_another_locked(self, tmp_path, monkeypatch):
        spool = writer(tmp_path, segment=100)
        for _ in range(3):
            spool.write(LINE)

        def broken(fd):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("os.fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            spool.sync()
        first, second, third = logs(tmp_path)
        assert [is_locked(path) for path in (first, second, third)] == [False, False, True]


class TestProcesses:
    def test_kill_9_loses_no_line_and_frees_the_file(self, tmp_path):
        process = run(
            """
            spool = SpoolWriter(Path(sys.argv[1]), segment_bytes=2000, max_bytes=10**6)
            for number in range(10**9):
                spool.write(f"{number:049d}\\n".encode())
                sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
            """,
            tmp_path,
        )
        told = [int(process.stdout.readline()) for _ in range(300)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout.read().splitlines() if line]
        process.wait()
        process.stderr.close()
        found = [int(line) for line in lines(tmp_path)]
        assert found[: told[-1] + 1] == list(range(told[-1] + 1))
        assert len(found) <= told[-1] + 2
        assert not any(is_locked(path) for path in logs(tmp_path))

    def test_a_forked_child_writes_a_file_of_its_own(self, tmp_path):
        process = run(
            """
            import os
            spool = SpoolWriter(Path(sys.argv[1]), segment_bytes=2000, max_bytes=10**6)
            spool.write(b"parent 1\\n")
            if os.fork() == 0:
                spool.write(b"child\\n")
                os._exit(0)
            os.wait()
            spool.write(b"parent 2\\n")
            """,
            tmp_path,
        )
        assert process.wait(timeout=30) == 0, process.stderr.read()
        process.communicate()
        contents = sorted(whole_lines(path, 0, 10_000) for path in logs(tmp_path))
        assert contents == [b"child\n", b"parent 1\nparent 2\n"]


class TestFullDisk:
    def test_a_disk_that_takes_no_more_tears_no_line_and_the_loss_is_counted(self, tmp_path):
        process = run(
            """
            import resource, logging
            logging.disable(logging.CRITICAL)
            spool = SpoolWriter(Path(sys.argv[1]), segment_bytes=1000, max_bytes=10**7)
            for number in range(10):
                spool.write(f"{number:099d}\\n".encode())
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
            for number in range(10, 15):
                spool.write(f"{number:099d}\\n".encode())
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            for number in range(15, 18):
                spool.write(f"{number:099d}\\n".encode())
            """,
            tmp_path,
        )
        _, error = process.communicate(timeout=30)
        assert process.returncode == 0, error
        found = lines(tmp_path)
        # The file in hand took ten; no other could be made for five; then there was room again.
        assert [int(line) for line in found] == [*range(10), 15, 16, 17]
        assert all(len(line) == 100 for line in found)
        assert dropped(tmp_path) == 5

    def test_an_unwritable_directory_never_fails_the_request(self, tmp_path, caplog):
        blocked = tmp_path / "file"
        blocked.write_text("")
        spool = writer(blocked / "spool")
        for _ in range(20):
            spool.write(LINE)
        assert "could not be written" in caplog.text
        assert "could not be counted" in caplog.text
        assert caplog.text.count("could not be written") == 1, "one complaint a second is enough"

    def test_files_that_could_not_be_made_leave_nothing_behind(self, tmp_path):
        process = run(
            """
            import resource, logging
            logging.disable(logging.CRITICAL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
            spool = SpoolWriter(Path(sys.argv[1]), segment_bytes=1000, max_bytes=10**7)
            for number in range(5):
                spool.write(b"line\\n")
            """,
            tmp_path,
        )
        _, error = process.communicate(timeout=30)
        assert process.returncode == 0, error
        assert [path.name for path in tmp_path.iterdir()] == [TALLY]

    def test_a_line_longer_than_a_file_is_dropped_and_counted_like_any_other(self, tmp_path):
        spool = writer(tmp_path, segment=50)
        spool.write(LINE)
        spool.write(b"short\n")
        assert lines(tmp_path) == [b"short\n"]
        assert dropped(tmp_path) == 1


class TestReading:
    @pytest.mark.parametrize(
        ("content", "whole"),
        [
            (b"", b""),
            (b"\0\0\0\0", b""),
            (b"one\ntwo\n\0\0\0", b"one\ntwo\n"),
            (b"one\ntw\0\0\0", b"one\n"),
            (b"one\ntw", b"one\n"),
            # The end of a line can arrive before its middle.
            (b"one\nt\0o\n\0\0", b"one\n"),
        ],
    )
    def test_a_reader_takes_whole_lines_only(self, tmp_path, content, whole):
        path = tmp_path / "x.log"
        path.write_bytes(content)
        assert whole_lines(path, 0, 1000) == whole

    def test_a_reader_goes_on_where_it_was_and_takes_no_more_than_asked(self, tmp_path):
        path = tmp_path / "x.log"
        path.write_bytes(b"one\ntwo\nthree\n\0\0")
        assert whole_lines(path, 4, 1000) == b"two\nthree\n"
        assert whole_lines(path, 0, 9) == b"one\ntwo\n"
        assert whole_lines(path, 14, 1000) == b""


class TestRoom:
    def test_the_oldest_finished_files_make_room_and_their_rows_are_counted(self, tmp_path):
        for _ in range(5):
            old = writer(tmp_path)
            for _ in range(10):
                old.write(LINE)
            old.close()
        oldest = logs(tmp_path)[:3]
        spool = writer(tmp_path, segment=1000, room=3500)
        spool.write(LINE)
        assert not any(path.exists() for path in oldest)
        assert dropped(tmp_path) == 30
        assert sum(path.stat().st_size for path in logs(tmp_path)) <= 3500

    def test_a_file_somebody_writes_or_ships_is_never_dropped(self, tmp_path):
        alive = writer(tmp_path)
        for _ in range(30):
            alive.write(LINE)
        spool = writer(tmp_path, segment=1000, room=2000)
        spool.write(LINE)
        assert dropped(tmp_path) == 0
        assert len(lines(tmp_path)) == 31

    def test_within_its_room_nothing_is_dropped(self, tmp_path):
        spool = writer(tmp_path, segment=1000, room=100_000)
        for _ in range(100):
            spool.write(LINE)
        assert len(lines(tmp_path)) == 100
        assert dropped(tmp_path) == 0


class TestState:
    def test_the_state_tells_files_bytes_and_rows_dropped(self, tmp_path, settings):
        settings.SPOOL_DIR = tmp_path
        state = spool_state()
        assert (state.files, state.bytes, state.dropped_rows) == (0, 0, 0)
        spool = writer(tmp_path)
        spool.write(LINE)
        spool.close()
        (tmp_path / TALLY).write_text("3\n4\n")
        state = spool_state()
        assert (state.files, state.bytes, state.dropped_rows) == (1, 100, 7)

    def test_a_directory_that_is_not_there_yet_is_empty(self, tmp_path, settings):
        settings.SPOOL_DIR = tmp_path / "none"
        assert spool_state().files == 0

    def test_the_process_has_one_writer(self):
        assert spool() is spool()


def test_lines_reach_the_disk_platter_each_second(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr("os.fsync", lambda fd: (synced.append(fd), fsync(fd)))
    spool = writer(tmp_path)
    spool.write(LINE)
    end = time.monotonic() + 3
    while not synced:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert synced
