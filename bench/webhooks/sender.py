"""The sending side: `manage.py relay` as a process of its own, with a receiver in another."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.realtime.__main__ import Child
from bench.webhooks.people import forget, make_owners, publish
from events.relay import relay_once

ROOT = Path(__file__).resolve().parents[2]
ENDPOINTS = 20
EVENTS_PER_SECOND = 20
# One dead receiver, and so many that each having its share of slots would take them all.
HANGING = {"one": 1, "twenty": 20}
WAITING = 40
_TICK = os.sysconf("SC_CLK_TCK")


def measure(receiver: Child, place: str, count: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Deliveries a second of one process; latency from before the commit to the receiver, alone and beside hanging receivers."""
    result = _burst(receiver, place, count)
    say(f"burst: {result}")
    result |= {"alone": _steady(receiver, place, 0, seconds)}
    for name, hanging in HANGING.items():
        result[f"beside_{name}_hanging"] = _steady(receiver, place, hanging, seconds)
    for name in ("alone", *(f"beside_{name}_hanging" for name in HANGING)):
        say(f"{name.replace('_', ' ')}: {result[name]}")
    return result


def _burst(receiver: Child, place: str, count: int) -> dict[str, Any]:
    """What waits already, sent as fast as one process can."""
    owners = make_owners("burst", ENDPOINTS, endpoints=1, url=f"http://{place}/ok")
    publish(owners, count)
    while relay_once():
        continue
    receiver.ask("begin")
    with _relay() as process:
        found = _wait_for(receiver, count)
        cpu = _cpu(process)
    forget()
    return {
        "per_s": round(count / found["seconds"]),
        "cpu_ms_each": round(cpu / count * 1000, 2),
        "twice": found["requests"] - found["events"],
    }


def _steady(receiver: Child, place: str, hanging: int, seconds: float) -> dict[str, Any]:
    """Twenty events a second to a good receiver, in the first seconds after others began to hang."""
    good = make_owners(f"good{hanging}-", 1, endpoints=1, url=f"http://{place}/ok")
    bad = make_owners(f"bad{hanging}-", hanging, endpoints=1, url=f"http://{place}/hang")
    receiver.ask("begin")
    with _relay():
        # The start of a process is not what is measured.
        publish(good, 1)
        _wait_for(receiver, 1)
        publish(bad, WAITING * hanging)
        time.sleep(1.0)
        receiver.ask("begin")
        count = int(EVENTS_PER_SECOND * seconds)
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / EVENTS_PER_SECOND - time.monotonic()))
            publish(good, 1)
        found = _wait_for(receiver, count)
    forget()
    return {"p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"]}


@contextlib.contextmanager
def _relay() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=ROOT)
    try:
        yield process
    finally:
        # What hangs would be waited for.
        process.kill()
        process.wait(10)


def _wait_for(receiver: Child, count: int) -> Any:
    deadline = time.monotonic() + 60
    while (found := receiver.ask("report"))["events"] < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found['events']} of {count} arrived")
        time.sleep(0.05)
    return found


def _cpu(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
