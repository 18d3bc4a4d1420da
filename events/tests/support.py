"""Event types and streams that only tests know, and short ways to publish and look."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from django.db import connection, connections, transaction
from msgspec import Meta

import events
from core.redis import client
from events import catalogue
from events.catalogue import event_type
from events.models import PendingEvent
from events.publishing import Position

# Redis' pub/sub knows no databases: parallel test processes would hear each other's announcements.
_PROCESS = uuid4().hex[:24]
STREAM = f"user:{_PROCESS}-1"
OTHER = f"user:{_PROCESS}-2"
BELL = f"atelier:events:bell:{_PROCESS}"
# A table that stands for a consumer's rows.
TAKEN = "events_test_taken"


class Undo(Exception):
    """A consumer's failure."""


@event_type("sample.happened")
@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened, in a test."""

    number: Annotated[int, Meta(description="Which one.", examples=[1])]
    text: Annotated[str, Meta(description="What is told.", examples=["hello"])] = ""


# The catalogue's pages and the API's document are about the product's own types.
catalogue._types.pop("sample.happened")


def publish(number: int = 1, *, stream: str = STREAM, text: str = "") -> Position:
    """One event in a transaction of its own."""
    with transaction.atomic():
        published = events.publish(Happened(number, text), stream=stream)
    return published.position


def publish_many(count: int, *, stream: str = STREAM) -> None:
    """Events numbered from 1, in one transaction."""
    with transaction.atomic():
        for number in range(1, count + 1):
            events.publish(Happened(number), stream=stream)


def stored(stream: str = STREAM) -> list[tuple[int, Any]]:
    """(seq, the payload's number) of a stream's events."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, (payload->>'number')::int FROM events_event WHERE stream = %s ORDER BY seq", [stream])
        return cursor.fetchall()


def forget(stream: str, up_to: int) -> None:
    """Remove the oldest events, as retention does."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE stream = %s AND seq <= %s", [stream, up_to])


@contextlib.contextmanager
def listening(*channels: str) -> Iterator[Callable[[float], list[tuple[str, bytes]]]]:
    """A function that returns what was announced on the channels: (channel, data), after a silence of so many seconds."""
    with client().pubsub(ignore_subscribe_messages=False) as pubsub:
        pubsub.subscribe(*channels)
        for _ in channels:
            assert pubsub.get_message(timeout=2) is not None

        def heard(silence: float = 0.2) -> list[tuple[str, bytes]]:
            found = []
            while (message := pubsub.get_message(timeout=silence)) is not None:
                found.append((message["channel"].decode(), message["data"]))
            return found

        yield heard


def in_threads(*works: Callable[[], Any], seconds: float = 30.0) -> list[Any]:
    """Run each work in a thread with a connection of its own; their results or errors."""
    results: list[Any] = [None] * len(works)

    def run(index: int, work: Callable[[], Any]) -> None:
        try:
            results[index] = work()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        assert not thread.is_alive(), "a thread hangs"
    return results


def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def cut_subscriptions() -> None:
    """Close this process's pub/sub connections on the server's side."""
    own = str(client().connection_pool.connection_kwargs["db"])
    for one in client().client_list(_type="pubsub"):
        if one["db"] == own:
            client().client_kill_filter(_id=one["id"])


def taken_rows():
    """(stream, seq) of what consumers kept."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT stream, seq FROM {TAKEN} ORDER BY stream, seq")
        return cursor.fetchall()


def write(found):
    """A consumer that keeps what it is handed, in the relay's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {TAKEN} (event_id, stream, seq) VALUES (%s, %s, %s)", [(one.id, one.stream, one.seq) for one in found]
        )


def left():
    """How many events wait for the relay."""
    return PendingEvent.objects.count()
