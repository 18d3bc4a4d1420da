"""The realtime process on the test suite's own services, and how tests talk to it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psutil
from django.conf import settings
from django.db import connection, connections

from config.local.components import REALTIME_OPTIONS
from config.local.errors import tail
from config.local.layout import PROJECT
from config.local.process import ChildSpec, Process, free_port, spawn, stop
from config.tests.realtime_client import Client

T = TypeVar("T")
ORIGIN = "https://app.example.com"
READY_SECONDS = 60.0


class RealtimeProcess:
    """uvicorn as the product starts it, on the database and Redis of this test process. Starts in the main thread."""

    def __init__(self, log: Path, **extra: str) -> None:
        self.port = free_port()
        self._spec = ChildSpec("realtime", _command(self.port), environment(**extra), PROJECT, log)
        self._process: Process = spawn(self._spec)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> "RealtimeProcess":
        """Until it answers."""
        end = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.origin}/health/live").status_code == 200:
                    return self
            assert self._process.poll() is None, tail(self._spec.log)
            assert time.monotonic() < end, tail(self._spec.log)
            time.sleep(0.05)

    def memory(self) -> int:
        """Resident bytes."""
        return psutil.Process(self.pid).memory_info().rss

    def log(self) -> str:
        return self._spec.log.read_text()

    def terminate(self) -> None:
        """Ask it to end, as a deployment does."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def wait(self, seconds: float) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        stop([(self._spec, self._process)])

    async def connect(self, token: str = "", **options: Any) -> Client:
        """A socket, authenticated when a token is given."""
        client = await Client.open(self.port, token, **options)
        assert not token or client.hello["ok"], client.hello
        return client


def environment(**extra: str) -> dict[str, str]:
    """What points a process of the product at this test process's database and Redis, with the same secrets."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    limits = dict.fromkeys(("LIMIT_USER", "LIMIT_API_KEY", "LIMIT_ANONYMOUS", "LIMIT_SENSITIVE"), "1000000/60")
    return {
        **os.environ,
        **limits,
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DATABASE_URL": database,
        "REDIS_URL": settings.REDIS_URL,
        "CORS_ALLOWED_ORIGINS": ORIGIN,
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def _command(port: int) -> tuple[str, ...]:
    uvicorn = str(Path(sys.executable).parent / "uvicorn")
    return (uvicorn, "config.asgi:application", "--host", "127.0.0.1", "--port", str(port), *REALTIME_OPTIONS)


def play(scenario: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
    """Run a scenario to its end."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await scenario

    return asyncio.run(bounded())


async def aside(work: Callable[..., T], *args: Any, **fields: Any) -> T:
    """Do something that blocks, in a thread whose database connection is closed afterwards."""

    def run() -> T:
        try:
            return work(*args, **fields)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def timed(waiting: Awaitable[T]) -> tuple[T, float]:
    """A result and how many seconds it took."""
    began = time.monotonic()
    return await waiting, time.monotonic() - began
