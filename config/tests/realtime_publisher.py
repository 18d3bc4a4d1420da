"""A process that publishes to a running product's own log and survives what is done to it; prints what it committed as JSON.

`python -m config.tests.realtime_publisher <stream> <events> <rate per second> [die-in-announcement]`
"""

import json
import os
import signal
import sys
import time

import django

BATCH = 20
PATIENCE = 90.0


def main() -> None:
    stream, wanted, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    django.setup()
    from django.db import Error, connection, transaction

    import events
    from events import publishing
    from users.events import UserCreated

    if sys.argv[4:] == ["die-in-announcement"]:
        last, sent = wanted // BATCH, []

        def send(messages: object, *, announce: object = publishing.send) -> None:
            """The transaction has committed and nobody was told."""
            sent.append(messages)
            if len(sent) == last:
                sys.stdout.write(json.dumps({"committed": BATCH * last, "in_doubt": 0}) + "\n")
                sys.stdout.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            announce(messages)

        publishing.send = send

    owner = stream.partition(":")[2]
    committed = in_doubt = 0
    began = time.monotonic()
    while committed < wanted and time.monotonic() < began + PATIENCE:
        done = False
        try:
            with transaction.atomic():
                for number in range(BATCH):
                    events.publish(UserCreated(user=owner, username=f"{committed + number}", is_guest=False), stream=stream)
                done = True
            committed += BATCH
        except Error:
            # An error at the commit leaves open whether it happened; before it, nothing did.
            in_doubt += BATCH if done else 0
            connection.close()
            time.sleep(0.05)
        time.sleep(max(0.0, began + committed / rate - time.monotonic()) if committed else 0.0)
    sys.stdout.write(json.dumps({"committed": committed, "in_doubt": in_doubt, "seconds": time.monotonic() - began}) + "\n")


if __name__ == "__main__":
    main()
