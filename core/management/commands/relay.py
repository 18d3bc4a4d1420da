"""`manage.py relay`: the process that works off rows through the outside world. Several share the work.

Its loops are what the installed apps declare: handing events to their consumers, sending webhooks, and so on. Each has a thread.
"""

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.registry import Loop, loops

log = logging.getLogger(__name__)
# Beyond the longest a loop takes to finish what is under way.
JOIN_SECONDS = 120.0


class Command(BaseCommand):
    """Runs every loop until SIGTERM or SIGINT; what is under way is finished first."""

    help = "Relay committed events to their consumers, send webhooks, and run the other loops of the installed apps."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run them. Raises CommandError when one ended by itself: a process that does half of its work would look alive."""
        running = [kind() for kind in loops()]
        ended, asked = threading.Event(), threading.Event()

        def stop(*_: Any) -> None:
            asked.set()
            ended.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        threads = [threading.Thread(target=_run, args=(loop, ended), name=type(loop).__name__, daemon=True) for loop in running]
        for thread in threads:
            thread.start()
        # Not for ever: a signal is handled when the main thread runs.
        while not ended.wait(1.0):
            continue
        for loop in running:
            loop.stop()
        for thread in threads:
            thread.join(timeout=JOIN_SECONDS)
        if not asked.is_set():
            raise CommandError("A loop of the relay ended by itself.")


def _run(loop: Loop, ended: threading.Event) -> None:
    try:
        loop.run()
    except Exception:
        log.exception("%s ended", type(loop).__name__)
    finally:
        ended.set()
