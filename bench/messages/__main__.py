"""`make bench-messages`: how fast texts are accepted, sent and listed.

Own throw-away PostgreSQL with its safety on (fsync) and Valkey. Progress goes to stderr; the last line of stdout is JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import django

from bench.gate.__main__ import ROOT
from bench.realtime.__main__ import say
from config.local.scratch import ScratchServices

TARGET_RATIO, TARGET_PER_S = 0.5, 300
# What a paced neighbour, and the length of a list, may cost at most.
TARGET_BESIDE, TARGET_PAGES = 0.8, 1.5
PARTS = ("accept", "dispatch", "listing")


def main() -> int:
    """Run it all; 0 when every target is met."""
    parser = argparse.ArgumentParser(prog="bench.messages", description="Measure messages.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each contender in each round of accepting (4)")
    parser.add_argument("--messages", type=int, default=4000, help="sent in each round (4,000)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="listed (1,000,000)")
    parser.add_argument("--calls", type=int, default=200, help="of each page (200)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    options = parser.parse_args()
    parts = options.only or PARTS
    if "accept" in parts and shutil.which("wrk") is None:
        say("wrk is needed for this benchmark: apt-get install wrk, or brew install wrk")
        return 2
    with ScratchServices(durable=True, private=True) as services:
        found = services.environment() | {"DJANGO_SETTINGS_MODULE": "bench.messages.settings"}
        os.environ.update(found, PROMETHEUS_MULTIPROC_DIR=found["DATA_DIR"])
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        django.setup()
        result = measure(options, parts)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["targets_met"] else 1


def measure(options: argparse.Namespace, parts: Any) -> dict[str, Any]:
    """The parts in order."""
    from analytics import partitions
    from bench.messages import accept, dispatch, listing
    from core.principal_listener import stop_listening

    partitions.keep()
    result: dict[str, Any] = {}
    if "accept" in parts:
        result["accept"] = accept.measure(options.rounds, options.seconds, os.environ, say)
    if "dispatch" in parts:
        result |= dispatch.measure(options.messages, options.rounds, say)
    if "listing" in parts:
        result["listing"] = listing.measure(options.rows, options.calls, say)
        stop_listening()
    met = {
        "accept": lambda: min(one["ratio"] for one in result["accept"].values()) >= TARGET_RATIO,
        "dispatch": lambda: result["acknowledged"]["per_s"] >= TARGET_PER_S and result["pacing"]["ratio"] >= TARGET_BESIDE,
        "listing": lambda: result["listing"]["ratio_p50"] <= TARGET_PAGES,
    }
    result |= {"load_average": round(os.getloadavg()[0], 2), "cores": os.cpu_count()}
    return {**result, "targets_met": all(met[part]() for part in parts)}


if __name__ == "__main__":
    sys.exit(main())
