"""Database reads of an asyncio process: a few threads, each giving its connection back after each read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")


class Threads:
    """Runs functions that block."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="hub")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work()` from one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _with_connection, work)

    def close(self) -> None:
        """End the threads when their work is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _with_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        connections.close_all()
