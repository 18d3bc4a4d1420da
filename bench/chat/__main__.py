"""Own throw-away PostgreSQL with its safety on (fsync) and Valkey. Progress goes to stderr; the last line of stdout is JSON."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import django

from bench.realtime.__main__ import ROOT, Child, say, uvicorn
from bench.realtime.__main__ import _wait_for as wait_for
from config.local.components import REALTIME_OPTIONS
from config.local.process import free_port
from config.local.scratch import ScratchServices

# Each waits for its acknowledgement before it writes again: one room is full with these, a hundred with eight in each.
WRITERS, MANY_WRITERS, MANY_ROOMS = 200, 800, 100
ROOM_OF, ROOM_RATE = 500, 20.0
TARGETS = {"one_room": 1500, "many_rooms": 2500}
MAX_DELIVERY_MS, MAX_PAGE_MS, MAX_SEARCH_MS = 20.0, 10.0, 50.0
PARTS = ("send", "deliver", "reads", "search")


def main() -> int:
    """Run it; 0 when every target is met."""
    parser = argparse.ArgumentParser(prog="bench.chat", description="Measure chat.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement of the socket (5)")
    parser.add_argument("--messages", type=int, default=10_000_000, help="in the room that is paged through (10,000,000)")
    parser.add_argument("--searched", type=int, default=1_000_000, help="messages that are searched (1,000,000)")
    parser.add_argument("--calls", type=int, default=100, help="of each page and search (100)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    options = parser.parse_args()
    with ScratchServices(durable=True, private=True) as services:
        found = services.environment() | {"DJANGO_SETTINGS_MODULE": "bench.chat.settings"}
        os.environ.update(found, PROMETHEUS_MULTIPROC_DIR=found["DATA_DIR"])
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        django.setup()
        result = measure(options, options.only or PARTS)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["targets_met"] else 1


def measure(options: argparse.Namespace, parts: Any) -> dict[str, Any]:
    """The parts in order."""
    result: dict[str, Any] = {}
    if "send" in parts:
        rounds = [_sending(options.seconds) for _ in range(options.rounds)]
        result["send"] = {name: _middle([one[name] for one in rounds]) for name in TARGETS}
    if "deliver" in parts:
        result["deliver"] = _middle([_delivery(options.seconds) for _ in range(options.rounds)])
    if "reads" in parts:
        from bench.chat import reads

        result["reads"] = reads.measure(options.messages, options.calls, say)
    if "search" in parts:
        from bench.chat import search

        result["search"] = search.measure(options.searched, options.calls, say)
    met: dict[str, Callable[[], bool]] = {
        "send": lambda: all(result["send"][name]["per_s"] >= target for name, target in TARGETS.items()),
        "deliver": lambda: result["deliver"]["delivery_p50_ms"] <= MAX_DELIVERY_MS,
        "reads": lambda: max(page["p50_ms"] for page in result["reads"].values() if isinstance(page, dict)) < MAX_PAGE_MS,
        "search": lambda: max(one["p95_ms"] for one in result["search"].values() if isinstance(one, dict)) < MAX_SEARCH_MS,
    }
    result |= {"load_average": round(os.getloadavg()[0], 2), "cores": os.cpu_count()}
    return {**result, "targets_met": all(met[part]() for part in parts)}


def _sending(seconds: float) -> dict[str, dict[str, float]]:
    """Messages acknowledged after their commit, all in one room, then over a hundred, by people who follow nothing."""
    from bench.chat.people import make_people, make_rooms, tokens

    people = make_people(MANY_WRITERS)
    (one,) = make_rooms(people[0], [people])
    many = make_rooms(people[0], [people] * MANY_ROOMS)
    credentials = tokens(people)
    rooms = {"one_room": [one] * WRITERS, "many_rooms": [many[n % MANY_ROOMS] for n in range(MANY_WRITERS)]}
    result = {}
    for name, where in rooms.items():
        found = [
            {"token": token, "room": str(room.pk), "follows": False} for token, room in zip(credentials, where, strict=False)
        ]
        result[name] = _run(found, seconds, None)
        say(f"sending, {name}: {result[name]}")
    return result


def _delivery(seconds: float) -> dict[str, float]:
    """How old messages are when they reach five hundred who follow a room that takes twenty a second."""
    from bench.chat.people import make_people, make_rooms, tokens

    people = make_people(ROOM_OF)
    (room,) = make_rooms(people[0], [people])
    found = [{"token": token, "room": str(room.pk), "follows": True} for token in tokens(people)]
    result = _run(found, seconds, ROOM_RATE)
    say(f"delivery: {result}")
    return result


def _run(people: list[dict[str, Any]], seconds: float, rate: float | None) -> dict[str, float]:
    port = free_port()
    env = dict(os.environ)
    with ExitStack() as stack:
        server = stack.enter_context(uvicorn("config.asgi:application", port, env, *REALTIME_OPTIONS))
        wait_for(port)
        load = stack.enter_context(Child("bench.chat.load", env=env))
        load.tell({"port": port, "people": people})
        load.hear()
        # The first second warms up.
        load.ask({"seconds": 1.0, "rate": rate})
        before = server.cpu
        found: dict[str, float] = load.ask({"seconds": seconds, "rate": rate})
        found["server_us_per_message"] = round((server.cpu - before) / max(1, found["acknowledged"]) * 1e6)
    return found


def _middle(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: statistics.median(one[name] for one in found if one[name] is not None) if found[0][name] is not None else None
        for name in found[0]
    }


if __name__ == "__main__":
    sys.exit(main())
