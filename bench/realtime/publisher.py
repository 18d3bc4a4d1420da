"""The publishing process: `python -m bench.realtime.publisher <side>` publishes as each line of standard input says.

A line is JSON: `{"streams": […], "rate": events a second in all, "seconds": …, "size": characters (120)}`; the answer is how many
were published.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable

SIZE = 120


Publish = Callable[[str, str], None]


def ours() -> Publish:
    """The public publish(), each event in a transaction of its own."""
    import django

    django.setup()
    from django.db import connection, transaction

    import events
    from bench.realtime.events import Said

    connection.ensure_connection()

    def publish(stream: str, text: str) -> None:
        with transaction.atomic():
            events.publish(Said(time.monotonic_ns(), text), stream=stream)

    return publish


def stock() -> Publish:
    """group_send()."""
    from channels.layers import get_channel_layer

    from bench.realtime.stock import GROUP

    layer, loop = get_channel_layer(), asyncio.new_event_loop()

    def publish(_stream: str, text: str) -> None:
        message = json.dumps({"stamp": time.monotonic_ns(), "text": text})
        loop.run_until_complete(layer.group_send(GROUP, {"type": "said", "text": message}))

    return publish


def bare() -> Publish:
    """PUBLISH."""
    from redis import Redis

    from bench.realtime.bare import CHANNEL

    redis = Redis.from_url(os.environ["REDIS_URL"])

    def publish(_stream: str, text: str) -> None:
        redis.publish(CHANNEL, json.dumps({"stamp": time.monotonic_ns(), "text": text}))

    return publish


def main() -> None:
    """Publish at the asked rate, late ones at once."""
    publish = {"ours": ours, "stock": stock, "bare": bare}[sys.argv[1]]()
    publish("user:warm", "")
    for line in sys.stdin:
        order = json.loads(line)
        text = "x" * order.get("size", SIZE)
        streams, began, count = order["streams"], time.monotonic(), 0
        while (due := count / order["rate"]) < order["seconds"]:
            wait = began + due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            publish(streams[count % len(streams)], text)
            count += 1
        sys.stdout.write(f"{count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
