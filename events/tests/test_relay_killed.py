"""A relay that is killed loses nothing and doubles nothing."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from django.conf import settings
from django.db import connection, transaction

from events.relay import relay_once
from events.tests.support import (
    TAKEN,
    publish_many,
    until,
    write,
)

pytestmark = pytest.mark.django_db(transaction=True)
KILLED = """
import os, sys, time
import django
django.setup()
from django.db import connection
from events import relay

def consume(found):
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO {table} (event_id, stream, seq) VALUES (%s, %s, %s)", [(one.id, one.stream, one.seq) for one in found]
        )
    print("holding", len(found), flush=True)
    # The first batches are committed, the next is held until somebody kills the process.
    time.sleep(0 if found[-1].seq <= {quick} else 60)

relay.consumers = lambda: (consume,)
while relay.relay_once(3):
    print("committed", flush=True)
"""


def relay_process(*, quick):
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    if database["PASSWORD"]:
        url = url.replace("@", f":{database['PASSWORD']}@", 1)
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    script = textwrap.dedent(KILLED).format(table=TAKEN, quick=quick)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_relay_killed_between_taking_and_committing_loses_nothing_and_doubles_nothing(consume, taken):
    publish_many(9)
    process = relay_process(quick=0)
    try:
        assert process.stdout.readline() == "holding 3\n"
        assert taken() == [], "not before the commit"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    until(lambda: _free_to_take() == 9)
    consume(write)
    while relay_once(4):
        continue
    assert [seq for _, seq in taken()] == list(range(1, 10))


def test_a_relay_killed_after_a_commit_leaves_the_rest(consume, taken):
    publish_many(9)
    process = relay_process(quick=3)
    try:
        while process.stdout.readline() != "committed\n":
            continue
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    until(lambda: _free_to_take() == 6)
    assert [seq for _, seq in taken()] == [1, 2, 3]
    consume(write)
    while relay_once(4):
        continue
    assert [seq for _, seq in taken()] == list(range(1, 10))


def _free_to_take():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM events_pendingevent FOR UPDATE SKIP LOCKED")
        return len(cursor.fetchall())
