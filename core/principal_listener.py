"""The thread in each web process that hears of changed principals (LISTEN) and drops them from the cache.

After a lost connection everything is dropped, since an announcement may have been missed; until then the cache's short life
bounds how stale an entry can be. An idle connection is probed each second, so a half-dead one is found.
"""

import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from core.principals import CHANNEL, principal_cache

log = logging.getLogger(__name__)
# A network that goes silent is noticed within seconds too, not when TCP gives up. The last is in milliseconds.
_PATIENCE: dict[str, Any] = {"connect_timeout": 3, "tcp_user_timeout": 5000}
_lock = threading.Lock()
_stopping = threading.Event()
_listening = threading.Event()
_thread: threading.Thread | None = None
_listening_pid = 0
Observer = Callable[[str, str], None]
_observers: list[Observer] = []


def observe(observer: Observer) -> None:
    """Call `observer(kind, id)` in the listener's thread after each change, and with ("all", "") when some may be missed."""
    _observers.append(observer)


def _tell(kind: str, identifier: str) -> None:
    for observer in _observers:
        observer(kind, identifier)


def ensure_listening() -> None:
    """Start the process's listener once; a forked child starts its own."""
    global _listening_pid, _thread
    if _listening_pid == os.getpid():
        return
    with _lock:
        if _listening_pid != os.getpid():
            _listening_pid = os.getpid()
            _stopping.clear()
            _thread = threading.Thread(target=_listen_forever, name="principal-listener", daemon=True)
            _thread.start()


def wait_until_listening(timeout: float) -> bool:
    """Whether the listener is connected within `timeout` seconds: from then on an announcement reaches this process."""
    return _listening.wait(timeout)


def stop_listening() -> None:
    """End the process's listener and close its connection, at the latest after a second."""
    global _listening_pid, _thread
    with _lock:
        _stopping.set()
        if _thread is not None:
            _thread.join(timeout=5)
        _thread, _listening_pid = None, 0
        _listening.clear()


def _connect() -> "psycopg.Connection[tuple[object, ...]]":
    if settings.LISTEN_DATABASE_URL:
        return psycopg.connect(settings.LISTEN_DATABASE_URL, autocommit=True, **_PATIENCE)
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "pool"):
        parameters.pop(name, None)
    return psycopg.connect(**{**parameters, "autocommit": True, **_PATIENCE})


def _listen_forever() -> None:
    delay = 0.1
    while not _stopping.is_set():
        try:
            with _connect() as listener:
                listener.execute(f"LISTEN {CHANNEL}")
                principal_cache().clear()
                _tell("all", "")
                _listening.set()
                delay = 0.1
                while not _stopping.is_set():
                    _drain(listener)
                    listener.execute("SELECT 1")
        except psycopg.Error as error:
            log.warning("The principal listener lost PostgreSQL (%s); trying again", type(error).__name__)
        except Exception:
            log.exception("The principal listener failed; trying again")
        _listening.clear()
        principal_cache().clear()
        _stopping.wait(delay)
        delay = min(delay * 2, 2.0)


def _drain(listener: "psycopg.Connection[tuple[object, ...]]") -> None:
    """What arrives within a second, and what came with the answer of the last probe.

    The wait is one system call: psycopg's own wakes ten times a second, and each time takes the interpreter from the threads
    that answer requests.
    """
    _drop(listener)
    select.select([listener.fileno()], [], [], 1.0)
    _drop(listener)


def _drop(listener: "psycopg.Connection[tuple[object, ...]]") -> None:
    for notice in listener.notifies(timeout=0):
        kind, _, identifier = notice.payload.partition(" ")
        principal_cache().drop(kind, identifier)
        _tell(kind, identifier)
