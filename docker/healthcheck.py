"""Owns the containers' health checks: one small question per process, answered by exit code 0 or 1.

    python docker/healthcheck.py web | realtime | worker | relay | beat SCHEDULE_FILE | shipper

Refuses to load Django: a check that boots the whole application every few seconds costs more than what it
watches.
"""

# ruff: noqa: INP001 - a script that runs by itself, in no package

import fcntl
import http.client
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Beat writes its schedule at the latest every three minutes (celery.beat.Scheduler.sync_every).
BEAT_SILENCE_SECONDS = 600
# A relay looks each second; an event that waits longer is one that it cannot hand over.
RELAY_DELAY_SECONDS = 60


def web() -> str | None:
    """Ask for what a process needs before it gets traffic: the database, with this release's migrations."""
    # The application believes the first allowed host, and that TLS ended at the proxy.
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".").replace("*", "") or "localhost"
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
    try:
        headers = {"Host": host, "X-Forwarded-Proto": "https"}
        connection.request("GET", "/health/ready?components=database,migrations", headers=headers)
        answer = connection.getresponse()
        body = answer.read(2000).decode("utf-8", "replace")
    finally:
        connection.close()
    return None if answer.status == http.HTTPStatus.OK else f"{answer.status} {body}"


def realtime() -> str | None:
    """Ask the event loop for a sign of life: PostgreSQL and Redis may be away, its sockets stay."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("REALTIME_PORT", "8001")), timeout=4)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"answered {status}"


def relay() -> str | None:
    """Look how long the oldest committed event has waited for the relays."""
    import psycopg  # noqa: PLC0415 - the other checks start faster without it

    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=4, autocommit=True) as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM now() - created_at) FROM events_pendingevent ORDER BY event_id LIMIT 1"
        ).fetchone()
    return None if row is None or row[0] < RELAY_DELAY_SECONDS else f"an event has waited for {row[0]:.0f} s"


def worker() -> str | None:
    """Ask this container's own worker for a pong through the broker."""
    from celery import Celery  # noqa: PLC0415 - the other checks start faster without it

    url = os.environ.get("CELERY_BROKER_URL") or os.environ["REDIS_URL"]
    node = f"celery@{socket.gethostname()}"
    # The next check is soon enough: no retries in this one.
    options = {"socket_connect_timeout": 3, "max_retries": 1}
    with Celery(broker=url, set_as_current=False, broker_transport_options=options) as app:
        answers = app.control.ping(destination=[node], timeout=5)
    return None if answers else f"{node} does not answer"


def beat(schedule: str) -> str | None:
    """Look at when beat last wrote its schedule."""
    base = Path(schedule)
    # The database module decides the suffix (none, .db, .dat).
    ages = [time.time() - path.stat().st_mtime for path in base.parent.glob(f"{base.name}*")]
    if not ages:
        return f"{base} does not exist"
    return None if min(ages) < BEAT_SILENCE_SECONDS else f"{base} unchanged for {min(ages):.0f} s"


def shipper() -> str | None:
    """Look whether somebody holds the spool's shipper lock; it can be taken only when nobody ships."""
    lock = Path(os.environ["SPOOL_DIR"]) / ".shipper.lock"
    with lock.open("r+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
    return f"nobody holds {lock}"


CHECKS: dict[str, Callable[..., str | None]] = {
    "web": web,
    "realtime": realtime,
    "worker": worker,
    "relay": relay,
    "beat": beat,
    "shipper": shipper,
}


def main(arguments: list[str]) -> int:
    """Run the named check; anything but a clear yes is unhealthy, with the reason in the health log."""
    name, *rest = arguments
    try:
        problem = CHECKS[name](*rest)
    except Exception as error:  # noqa: BLE001 - whatever stops the question means that it was not answered
        problem = f"{type(error).__name__}: {error}"
    if problem:
        sys.stdout.write(f"{name}: {problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
