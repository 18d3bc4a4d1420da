"""Quicker starts of long-lived processes: what Django's setup spends on things that none of them uses.

A quarter of the setup: the garbage collector walks ever more modules that all stay, and libraries import others that happen to
be installed for features the product does not switch on.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Each is optional to who imports it and used by nothing here; it can be imported again afterwards.
_UNUSED = (
    "requests",  # DRF's client for tests against a running server
    "httpx._main",  # httpx's command line, with rich and pygments
    "opentelemetry.sdk.metrics",  # redis-py's own metrics
)


@contextmanager
def quick_start() -> Iterator[None]:
    """Set Django up inside: nothing is collected meanwhile, and what there is afterwards is never looked at again."""
    # The exporter of traces is set up with Django and needs some of them.
    unused = () if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else _UNUSED
    held_back = [name for name in unused if name not in sys.modules]
    collecting = gc.isenabled()
    gc.disable()
    # Python takes None for "cannot be imported".
    sys.modules.update(dict.fromkeys(held_back))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in held_back:
            sys.modules.pop(name, None)
        gc.freeze()
        if collecting:
            gc.enable()
