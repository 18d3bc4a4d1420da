"""Objects that a process has one of."""

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - a decorator
    """Makes a function give the same object each time, made by whichever thread asks first while the others wait.

    `functools.cache` lets threads that ask at the same moment make one each: two counters of one name, two files, two limiters.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T, ...] = ()
        update_wrapper(self, make)

    def __call__(self) -> T:
        """The object."""
        made = self._made
        if not made:
            with self._lock:
                made = self._made = self._made or (self._make(),)
        return made[0]

    def cache_clear(self) -> None:
        """Forget it: the next call makes another."""
        self._made = ()
