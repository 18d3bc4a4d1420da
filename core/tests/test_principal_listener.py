"""The listener: hears each committed change within a second, and forgets everything when it lost the connection."""

import time
from uuid import uuid4

import pytest
from django.db import connection, transaction

from core import principal_listener
from core.principals import Refusal, announce_change, principal_cache
from core.tests.test_principals import principal

pytestmark = pytest.mark.django_db(transaction=True)


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def listeners():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE query ILIKE 'LISTEN%%' OR (query = 'SELECT 1' AND pid <> pg_backend_pid())"
        )
        return [pid for (pid,) in cursor.fetchall()]


def keep(outcome, digest=b"digest"):
    principal_cache().put(digest, outcome, principal_cache().generation)


@pytest.fixture
def listening():
    principal_listener.stop_listening()
    principal_listener.ensure_listening()
    # It clears once on connecting; what is put from here on stays.
    assert principal_listener.wait_until_listening(10)
    yield
    principal_listener.stop_listening()
    # Others of this process count on one that is there already.
    principal_listener.ensure_listening()
    assert principal_listener.wait_until_listening(10)


def test_a_committed_change_is_heard_within_a_second(listening):
    known, other = principal(), principal()
    keep(known, b"1")
    keep(other, b"2")
    with transaction.atomic():
        announce_change("user", known.user_id)
        time.sleep(0.2)
        assert principal_cache().get(b"1") is known, "not before the commit"
    started = time.monotonic()
    until(lambda: principal_cache().get(b"1") is None, 1.0)
    assert time.monotonic() - started < 1.0
    assert principal_cache().get(b"2") is other


def test_a_change_that_is_rolled_back_is_never_announced(listening):
    known = principal()
    keep(known)
    with transaction.atomic():
        announce_change("user", known.user_id)
        transaction.set_rollback(True)
    time.sleep(0.3)
    assert principal_cache().get(b"digest") is known


def test_after_a_lost_connection_everything_is_forgotten_and_changes_are_heard_again(listening):
    known = principal()
    keep(known)
    before = listeners()
    with connection.cursor() as cursor:
        for pid in before:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    until(lambda: principal_cache().get(b"digest") is None)
    until(lambda: set(listeners()) - set(before))
    time.sleep(0.1)
    keep(known)
    announce_change("user", known.user_id)
    until(lambda: principal_cache().get(b"digest") is None, 1.0)


def test_a_second_start_changes_nothing_and_a_stopped_one_starts_anew(listening):
    thread = principal_listener._thread
    principal_listener.ensure_listening()
    assert principal_listener._thread is thread
    principal_listener.stop_listening()
    assert not thread.is_alive()
    principal_listener.ensure_listening()
    assert principal_listener._thread is not thread


def test_it_goes_on_trying_while_postgresql_is_away(settings, caplog):
    from core.tests.support import closed_port

    principal_listener.stop_listening()
    real = settings.LISTEN_DATABASE_URL
    settings.LISTEN_DATABASE_URL = f"postgres://x@127.0.0.1:{closed_port()}/x"
    principal_listener.ensure_listening()
    keep(Refusal("invalid_token", "no"))
    # Well before the entry would have ended by itself.
    until(lambda: principal_cache().get(b"digest") is None, 3.0)
    until(lambda: "lost PostgreSQL" in caplog.text)
    assert principal_listener._thread.is_alive()
    settings.LISTEN_DATABASE_URL = real
    until(listeners)
    principal_listener.stop_listening()


def test_a_listener_may_have_an_address_of_its_own(settings):
    principal_listener.stop_listening()
    parameters = connection.get_connection_params()
    user, password = parameters["user"], parameters.get("password", "")
    where = f"{parameters['host']}:{parameters['port']}/{parameters['dbname']}"
    settings.LISTEN_DATABASE_URL = f"postgres://{user}:{password}@{where}"
    with principal_listener._connect() as listener:
        assert listener.execute("SELECT current_database()").fetchone() == (parameters["dbname"],)


def test_a_stranger_on_the_channel_does_no_harm(listening):
    with connection.cursor() as cursor:
        for payload in ("", "user", "user not-an-id", "x" * 500, f"planet {uuid4()}"):
            cursor.execute("SELECT pg_notify('atelier_principals', %s)", [payload])
    known = principal()
    time.sleep(0.2)
    keep(known)
    announce_change("session", known.credential_id)
    until(lambda: principal_cache().get(b"digest") is None, 1.0)
