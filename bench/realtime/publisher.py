"""The publishing process: `python -m bench.realtime.publisher <side>` publishes as each line of standard input says.

A line is JSON: `{"streams": […], "rate": events a second in all, "seconds": …}`; the answer is how many were published.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable

TEXT = "x" * 120


def ours() -> Callable[[str], None]:
    """The public publish(), each event in a transaction of its own."""
    import django

    django.setup()
    from django.db import connection, transaction

    import events
    from bench.realtime.events import Said

    connection.ensure_connection()

    def publish(stream: str) -> None:
        with transaction.atomic():
            events.publish(Said(time.monotonic_ns(), TEXT), stream=stream)

    return publish


def stock() -> Callable[[str], None]:
    """group_send()."""
    from channels.layers import get_channel_layer

    from bench.realtime.stock import GROUP

    layer, loop = get_channel_layer(), asyncio.new_event_loop()

    def publish(_stream: str) -> None:
        text = json.dumps({"stamp": time.monotonic_ns(), "text": TEXT})
        loop.run_until_complete(layer.group_send(GROUP, {"type": "said", "text": text}))

    return publish


def bare() -> Callable[[str], None]:
    """PUBLISH."""
    from redis import Redis

    from bench.realtime.bare import CHANNEL

    redis = Redis.from_url(os.environ["REDIS_URL"])

    def publish(_stream: str) -> None:
        redis.publish(CHANNEL, json.dumps({"stamp": time.monotonic_ns(), "text": TEXT}))

    return publish


def main() -> None:
    """Publish at the asked rate, late ones at once."""
    publish = {"ours": ours, "stock": stock, "bare": bare}[sys.argv[1]]()
    publish("user:warm")
    for line in sys.stdin:
        order = json.loads(line)
        streams, began, count = order["streams"], time.monotonic(), 0
        while (due := count / order["rate"]) < order["seconds"]:
            wait = began + due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            publish(streams[count % len(streams)])
            count += 1
        sys.stdout.write(f"{count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
