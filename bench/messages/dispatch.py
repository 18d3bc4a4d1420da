"""Sending: `manage.py relay` as a process of its own takes what waits to the sandbox; and what paced sessions do to others."""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Max

from bench.gate.__main__ import ROOT
from bench.messages.people import connect, forget, make_sessions, queue, waiting
from bench.webhooks.sender import _cpu
from modules.whatsapp.models import Message, WhatsAppSession

SESSIONS = 100
PATIENCE = 180.0
# The sandbox says of each message that it was delivered and read, which is work for the same process; or it says nothing.
SILENT = {"delivered_after_ms": -1, "read_after_ms": -1}


def measure(count: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Messages a second of one process, with and without acknowledgements, and of one session alone and beside a slow one."""
    result: dict[str, Any] = {}
    for name, options in (("acknowledged", {}), ("silent", SILENT)):
        found = [_burst(f"{name}{number}-", count, options) for number in range(rounds)]
        result[name] = {key: round(statistics.median(one[key] for one in found), 2) for key in found[0]}
        say(f"{SESSIONS} sessions, {name}: {result[name]}")
    alone, beside = [], []
    for number in range(rounds):
        alone.append(_one(f"alone{number}-", count // 4, paced=0))
        beside.append(_one(f"beside{number}-", count // 4, paced=10))
        say(f"one session alone {alone[-1]:.0f}/s, beside ten at one a second {beside[-1]:.0f}/s")
    ratio = statistics.median(one / other for one, other in zip(beside, alone, strict=True))
    result["pacing"] = {
        "alone_per_s": round(statistics.median(alone)),
        "beside_paced_per_s": round(statistics.median(beside)),
        "ratio": round(ratio, 2),
    }
    return result


def _burst(name: str, count: int, options: dict[str, Any]) -> dict[str, float]:
    """A full queue, until all of it is sent."""
    sessions = make_sessions(name, SESSIONS, options=options)
    with _relay(sessions) as process:
        queue(sessions, count)
        cpu = _cpu(process)
        rate = _sent(sessions, count)
        used = _cpu(process) - cpu
    forget()
    return {"per_s": rate, "cpu_ms_each": used / count * 1000}


def _one(name: str, count: int, *, paced: int) -> float:
    """One session without a pace; the others have more than their pace lets go."""
    free = make_sessions(f"{name}free", 1, options=SILENT)
    others = make_sessions(f"{name}paced", paced, options=SILENT, messages_per_second=1.0, burst=1)
    with _relay([*free, *others]):
        queue(free, count)
        if others:
            queue(others, count)
            connect(others)
        rate = _sent(free, count)
        gone = Message.objects.filter(session__in=others, status="sent").count()
        if others and not 0 < gone < count / 2:
            raise RuntimeError(f"{gone} of the paced messages went out")
    forget()
    return rate


@contextlib.contextmanager
def _relay(sessions: Sequence[WhatsAppSession]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, warm: it has sent something. What is queued then waits until the sessions are connected."""
    process = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=ROOT)
    try:
        queue(sessions, len(sessions))
        _wait(sessions)
        connect(sessions, connected=False)
        yield process
    finally:
        process.kill()
        process.wait(10)


def _sent(sessions: Sequence[WhatsAppSession], count: int) -> float:
    """Let them go; messages a second until the last one."""
    began, moment = time.time(), time.monotonic()
    connect(sessions)
    _wait(sessions)
    ended = Message.objects.filter(session__in=sessions).aggregate(last=Max("sent_at"))["last"]
    failed = Message.objects.filter(session__in=sessions, sent_at=None).count()
    if failed or time.monotonic() - moment > PATIENCE:
        raise RuntimeError(f"{failed} were not sent")
    return float(count / (ended.timestamp() - began))


def _wait(sessions: Sequence[WhatsAppSession]) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := waiting(sessions):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} messages still wait")
        time.sleep(0.1)
