"""`make bench-publish`: how many events a second the public `publish()` takes, into one stream and over a hundred.

Own throw-away PostgreSQL with its safety on (fsync) and Valkey; publishers are processes of their own. Beside it in the same run
the obvious way with the ORM (lock the stream's row, create the event and the relay's row), which announces nothing, and whose
transactions may end in a deadlock. Progress goes to stderr; the last line of stdout is JSON.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config.local.scratch import ScratchServices

ROOT = Path(__file__).resolve().parents[1]
PUBLISHERS = 4
# name: (way, events of a transaction, streams)
CASES = {
    "one_stream": ("publish", 10, 1),
    "hundred_streams": ("publish", 10, 100),
    "one_stream_single": ("publish", 1, 1),
    "hundred_streams_single": ("publish", 1, 100),
    "orm_one_stream": ("orm", 10, 1),
    "orm_hundred_streams": ("orm", 10, 100),
}
TARGETS = {"one_stream": 2_000, "hundred_streams": 5_000}


def say(text: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def publisher(way: str, each: int, streams: int, number: int) -> None:
    """A publishing process: says `ready`, waits for a line with the seconds, prints how many events it committed a second."""
    import django

    django.setup()
    from django.db import OperationalError, transaction

    write = {"publish": _publish, "orm": _orm}[way]()
    done = 0

    def transact() -> None:
        nonlocal done
        with contextlib.suppress(OperationalError):
            with transaction.atomic():
                for place in range(done, done + each):
                    write(f"user:s{(place * 7 + number * 13) % streams}")
            done += each

    transact()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    seconds = float(sys.stdin.readline())
    done, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        transact()
    sys.stdout.write(f"{done / elapsed}\n")


def _publish() -> Callable[[str], object]:
    import events
    from bench.realtime.events import Said

    return lambda stream: events.publish(Said(time.monotonic_ns(), "x" * 120), stream=stream)


def _orm() -> Callable[[str], object]:
    from django.utils import timezone

    from core.ids import uuid7
    from events.models import Event, PendingEvent, Stream

    def write(name: str) -> None:
        Stream.objects.get_or_create(key=name, defaults={"epoch": "bench", "seq": 0})
        stream = Stream.objects.select_for_update().get(key=name)
        stream.seq += 1
        stream.save(update_fields=["seq"])
        payload, now, key = {"stamp": time.monotonic_ns(), "text": "x" * 120}, timezone.now(), uuid7()
        Event.objects.create(id=key, stream=name, seq=stream.seq, type="bench.said", payload=payload, created_at=now)
        PendingEvent.objects.create(event_id=key, stream=name, seq=stream.seq, created_at=now)

    return write


def measure(case: str, seconds: float, env: dict[str, str]) -> float:
    """Events a second of all publishers together."""
    way, each, streams = CASES[case]
    command = [sys.executable, "-m", "bench.publish", "--as", way, str(each), str(streams)]
    running = [
        subprocess.Popen([*command, str(number)], cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in range(PUBLISHERS)
    ]
    for one in running:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            raise RuntimeError(f"a publisher of {case} ended")
    for one in running:
        assert one.stdin is not None
        one.stdin.write(f"{seconds}\n")
        one.stdin.flush()
    return sum(float(one.communicate()[0]) for one in running)


def main() -> int:
    """Run it all; 0 when both targets are met."""
    parser = argparse.ArgumentParser(prog="bench.publish", description="Measure publish().")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--as", nargs=4, dest="publisher", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publisher:
        way, *numbers = options.publisher
        publisher(way, *map(int, numbers))
        return 0
    found: dict[str, list[float]] = {case: [] for case in CASES}
    with ScratchServices(durable=True, private=True) as services:
        env = {**os.environ, **services.environment(), "DJANGO_SETTINGS_MODULE": "bench.realtime.settings"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
        for _ in range(options.rounds):
            for case, rates in found.items():
                rates.append(measure(case, options.seconds, env))
                say(f"{case}: {rates[-1]:,.0f} events/s")
    middle = {case: sorted(rates)[len(rates) // 2] for case, rates in found.items()}
    result = {
        **{f"{case}_per_s": round(rate) for case, rate in middle.items()},
        "one_stream_vs_orm": round(middle["one_stream"] / middle["orm_one_stream"], 2),
        "hundred_streams_vs_orm": round(middle["hundred_streams"] / middle["orm_hundred_streams"], 2),
        "publishers": PUBLISHERS,
        "events_of_a_transaction": CASES["one_stream"][1],
        "targets_met": all(middle[case] >= target for case, target in TARGETS.items()),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["targets_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
