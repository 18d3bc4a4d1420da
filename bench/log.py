"""`make bench-log`: how fast the request log is loaded and read, and what memory that takes.

Own throw-away PostgreSQL with its safety on (fsync) and an own spool directory; real spool files, the real shipper, the real API.
Progress goes to stderr; the last line of stdout is JSON.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import django

from config.local.scratch import ScratchServices


def main() -> int:
    """Run it all; 0 when every target is met."""
    parser = argparse.ArgumentParser(prog="bench.log", description="Measure the request log.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in the log at the end (10,000,000)")
    parser.add_argument("--calls", type=int, default=120, help="calls of each read (120)")
    options = parser.parse_args()
    if options.rows < 20_000:
        parser.error("at least 20000 rows")
    with ScratchServices(durable=True, private=True) as services:
        environment = os.environ | services.environment() | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        # The settings change what they read; a child process is to read the same again.
        os.environ.update(environment)
        django.setup()
        from bench.log_run import measure

        result = measure(options.rows, options.calls, environment, Path(__file__).parents[1])
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["targets_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
