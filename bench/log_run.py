"""The steps of the request-log benchmark, in order."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from analytics.models import APILog, Rollup
from analytics.shipping import Shipper
from bench import log_alternatives, log_reads
from bench.log_traffic import Traffic
from core.principal_listener import stop_listening

HISTORY = timedelta(days=30)
RECENT = timedelta(hours=1)
# Two chunks, each held twice while it is read, and the program itself.
MEMORY_MB = 256


def say(text: str) -> None:
    """Progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def measure(rows: int, calls: int, environment: dict[str, str], repository: Path) -> dict[str, Any]:
    """Load `rows` over thirty days, the last fifth of them as the backlog of one hour, and read."""
    call_command("migrate", verbosity=0, interactive=False)
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    traffic = Traffic()
    small, recent = rows // 20, rows // 5
    large = 8 * small
    history = [small, large, rows - small - large - recent]
    step = (HISTORY - RECENT) / sum(history)
    start = now - HISTORY
    memory = []
    for count in history:
        say(f"history: writing {count:,} lines")
        traffic.spool(settings.SPOOL_DIR, count, start, step * count)
        start += step * count
        began = time.perf_counter()
        memory.append(_ship_apart(environment, repository))
        say(f"history: loaded at {count / (time.perf_counter() - began):,.0f} rows/s, shipper's peak {memory[-1]:.0f} MB")
    say(f"backlog of an hour: writing {recent:,} lines")
    traffic.spool(settings.SPOOL_DIR, recent, now - RECENT, RECENT)
    rate = _ship_here(recent)
    say(f"backlog of an hour: {rate:,.0f} rows/s into the log with all rollups")
    others = log_alternatives.measure(traffic, min(recent, 200_000), say)
    with connection.cursor() as cursor:
        # Autovacuum would have by then.
        cursor.execute("ANALYZE analytics_apilog; ANALYZE analytics_rollup")
    latencies = log_reads.measure(traffic, now, calls, say)
    stop_listening()
    result = {
        "rows": rows,
        "rows_per_s": round(rate),
        "us_per_row": round(1_000_000 / rate, 1),
        **{f"{name}_rows_per_s": round(value) for name, value in others.items()},
        "times_executemany": round(rate / others["executemany"], 1),
        # Shares of what this machine did at most a moment later, over one connection: these can be compared between machines.
        "times_copy": round(rate / others["copy"], 2),
        "times_copy_without_indexes": round(rate / others["copy_without_indexes"], 2),
        **latencies,
        "shipper_rss_mb": round(max(memory)),
        "shipper_rss_mb_by_backlog": {count: round(peak) for count, peak in zip(history, memory, strict=True)},
        "rollup_rows": Rollup.objects.count(),
        "load_average": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
    }
    reads = [result[f"{name}_p95_ms"] for name in ("summary", "timeseries", "api_logs")]
    result["targets_met"] = rate >= 100_000 and max(reads) < 100 and max(memory) < MEMORY_MB
    return result


def _ship_here(expected: int) -> float:
    """Ship what waits, in this process; rows a second."""
    before = APILog.objects.count()
    shipper = Shipper(settings.SPOOL_DIR)
    began = time.perf_counter()
    shipped = sum(iter(shipper.ship_once, 0))
    elapsed = time.perf_counter() - began
    if not shipped == expected == APILog.objects.count() - before:
        raise RuntimeError(f"{expected} rows were written, {shipped} shipped")
    return shipped / elapsed


def _ship_apart(environment: dict[str, str], repository: Path) -> float:
    """Ship what waits with the command, in a process of its own; its peak resident memory in megabytes."""
    command = [sys.executable, str(repository / "manage.py"), "ship_request_log", "--once"]
    shipper = subprocess.Popen(command, env=environment, cwd=repository, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(shipper.pid, 0)
    shipper.returncode = os.waitstatus_to_exitcode(status)
    if shipper.returncode:
        raise RuntimeError(f"the shipper ended with {shipper.returncode}")
    # Kilobytes on Linux, bytes on macOS.
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
