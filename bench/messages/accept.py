"""Accepting: POST /messages/send-text/ beside a bare keyed POST that inserts one row, on one server, in turns, under wrk.

The server is Granian with one process and four threads, as for the gate's benchmark; nothing is sent meanwhile.
"""

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import connection

from bench.gate.__main__ import CONNECTIONS, ROOT, serve, wait_for
from bench.messages.people import make_key, make_sessions
from bench.messages.rows import Row
from config.local.process import free_port

SCRIPT = Path(__file__).with_name("post.lua")
PATHS = {"bare": "/api/v1/bench/rows/", "send_text": "/api/v1/messages/send-text/"}
# One account, whose quota and stream are one row each, and as many as there are connections.
ACCOUNTS = {"one_account": 1, "many_accounts": CONNECTIONS}
_SCALE = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def measure(rounds: int, seconds: float, environment: Mapping[str, str], say: Callable[[str], None]) -> dict[str, Any]:
    """Requests a second of both, the ratio within each round, and how long ours takes."""
    with connection.schema_editor() as editor:
        editor.create_model(Row)
    keys = {name: [make_key(one) for one in make_sessions(f"{name}-", count)] for name, count in ACCOUNTS.items()}
    port = free_port()
    server = serve("config.wsgi:application", port, dict(environment))
    shipper = subprocess.Popen([sys.executable, "manage.py", "ship_request_log"], cwd=ROOT, env=dict(environment))
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{base}/api/v1/messages/", f"ApiKey {keys['one_account'][0]}")
        found = _rounds(rounds, seconds, base, keys, say)
    finally:
        for child in (server, shipper):
            child.terminate()
        for child in (server, shipper):
            child.wait(timeout=20)
    result: dict[str, Any] = {}
    for name in ACCOUNTS:
        bare, ours = found[(name, "bare")], found[(name, "send_text")]
        result[name] = {
            "bare_per_s": round(statistics.median(rate for rate, _, _ in bare)),
            "send_text_per_s": round(statistics.median(rate for rate, _, _ in ours)),
            "ratio": round(statistics.median(mine / its for (mine, _, _), (its, _, _) in zip(ours, bare, strict=True)), 2),
            "send_text_p50_ms": round(statistics.median(middle for _, middle, _ in ours), 1),
            "send_text_p99_ms": round(statistics.median(worst for _, _, worst in ours), 1),
        }
    return result


def _rounds(
    rounds: int, seconds: float, base: str, keys: Mapping[str, Sequence[str]], say: Callable[[str], None]
) -> dict[tuple[str, str], list[tuple[float, float, float]]]:
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {(name, way): [] for name in keys for way in PATHS}
    for number in range(rounds + 1):
        for (name, way), rates in found.items():
            measured = load(base + PATHS[way], keys[name], seconds if number else 2)
            # The first round warms up.
            if number:
                rates.append(measured)
                say(f"round {number}: {way} of {name.replace('_', ' ')}: {measured[0]:.0f}/s, p99 {measured[2]:.0f} ms")
    return found


def load(url: str, keys: Sequence[str], seconds: float) -> tuple[float, float, float]:
    """Requests a second under wrk, and the p50 and p99 in ms. Raises RuntimeError when anything but 2xx came back."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", "--timeout", "20s", "-s", str(SCRIPT), url]
    environment = {**os.environ, "BENCH_KEYS": ",".join(keys)}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    shares = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+(?:us|ms|s))\s*$", output, re.MULTILINE))
    if rate is None or len(shares) != 2 or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{url}: {output}")
    return float(rate.group(1)), _ms(shares["50"]), _ms(shares["99"])


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * _SCALE[unit]
