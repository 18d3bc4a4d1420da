"""`manage.py relay`: the process that hands committed events to webhooks and sends them. Several share the work."""

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.relay import Relay
from webhooks.sending import Sender

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Relays and sends until SIGTERM or SIGINT; attempts under way are finished first."""

    help = "Relay committed events to their consumers and send webhooks, continuously."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run both loops."""
        relay, sender = Relay(), Sender()
        thread = threading.Thread(target=_relay, args=(relay, sender), name="relay", daemon=True)

        def stop(*_: Any) -> None:
            relay.stopping.set()
            sender.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        thread.start()
        sender.run()
        failed = not relay.stopping.is_set()
        relay.stopping.set()
        thread.join(timeout=10)
        if failed:
            raise CommandError("The relay ended by itself.")


def _relay(relay: Relay, sender: Sender) -> None:
    """A process that only sends would look alive while nothing new comes: it ends with its relay."""
    try:
        relay.run()
    except Exception:
        log.exception("The relay ended")
    finally:
        sender.stop()
