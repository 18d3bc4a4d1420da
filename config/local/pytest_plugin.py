"""Real, throw-away services for the test suite, started before settings are read.

Loaded by `-p config.local.pytest_plugin`. pytest-django reads settings while pytest is still starting, long
before any conftest, so the services are started in the wrapper around that hook. Only the main process
starts them; a parallel worker inherits the addresses and takes its own Redis database and directories.
Nothing here touches `.data`.
"""

import atexit
import os
import re
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.local.errors import LocalError
from config.local.files import private_dir
from config.local.scratch import ScratchServices


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Put the addresses into the environment before pytest-django looks for them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        separate(worker)
    else:
        _start_services(early_config)
    return (yield)


def _start_services(config: pytest.Config) -> None:
    services = ScratchServices()
    # atexit too: an error between this hook and pytest_configure skips the cleanups.
    atexit.register(services.stop)
    config.add_cleanup(services.stop)
    try:
        services.start()
    except LocalError as error:
        pytest.exit(f"the tests need PostgreSQL and Valkey.\n{error}", returncode=4)
    os.environ.update(services.environment())


def separate(worker: str) -> None:
    """Give a parallel worker what would otherwise be shared; pytest-django does so for the database."""
    number = int(re.sub(r"\D", "", worker) or 0) + 1
    os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
    for variable in ("DATA_DIR", "SPOOL_DIR"):
        os.environ[variable] = str(private_dir(Path(os.environ[variable]) / worker))
