"""`make bench-webhooks`: how fast events become deliveries, how fast those are sent, and what a hanging receiver does to others.

Own throw-away PostgreSQL with its safety on (fsync). Progress goes to stderr; the last line of stdout is JSON.
"""

import argparse
import json
import os
import sys

import django

from bench.realtime.__main__ import Child, say
from config.local.scratch import ScratchServices

TARGET_PER_S = 1000
# Of the quiet p99: what a hanging neighbour may cost, besides a clock's grain.
TARGET_TIMES, GRAIN_MS = 2.0, 100.0


def main() -> int:
    """Run it all; 0 when every target is met."""
    parser = argparse.ArgumentParser(prog="bench.webhooks", description="Measure webhooks.")
    parser.add_argument("--deliveries", type=int, default=4000, help="queued in each round (4,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sent", type=int, default=1500, help="deliveries of the burst (1,500)")
    parser.add_argument("--seconds", type=float, default=6, help="of each measurement of latency (6)")
    options = parser.parse_args()
    with ScratchServices(durable=True, private=True) as services:
        environment = os.environ | services.environment() | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        with Child("bench.webhooks.receiver", env=environment) as receiver:
            place = f"127.0.0.1:{json.loads(receiver.hear())['port']}"
            # Loopback is refused but where the settings name it, in the relay's process too.
            os.environ.update(environment | {"OUTGOING_ALLOWED_PRIVATE": place, "LOG_LEVEL": "ERROR"})
            django.setup()
            result = measure(receiver, place, options)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["targets_met"] else 1


def measure(receiver: Child, place: str, options: argparse.Namespace) -> dict[str, object]:
    """The steps in order."""
    from django.core.management import call_command

    from bench.webhooks import queueing, sender

    call_command("migrate", verbosity=0, interactive=False)
    queued = {number: queueing.measure(options.deliveries, number, options.rounds, say) for number in (1, 5)}
    sent = sender.measure(receiver, place, options.sent, options.seconds, say)
    bound = max(sent["alone"]["p99_ms"] * TARGET_TIMES, sent["alone"]["p99_ms"] + GRAIN_MS)
    return {
        **{f"queued_{number}_{name}": value for number, found in queued.items() for name, value in found.items()},
        **{f"sent_{name}": value for name, value in sent.items() if not isinstance(value, dict)},
        **{f"{name}_{key}": one for name, value in sent.items() if isinstance(value, dict) for key, one in value.items()},
        "load_average": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "targets_met": min(found["per_s"] for found in queued.values()) >= TARGET_PER_S
        and max(sent[name]["p99_ms"] for name in sent if name.startswith("beside_")) <= bound,
    }


if __name__ == "__main__":
    sys.exit(main())
