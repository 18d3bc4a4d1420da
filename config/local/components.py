"""The product's processes in development, as commands.

Owns their arguments and their environment; production starts the same programs from docker-compose or
systemd. It starts nothing.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from config.local.layout import PROJECT, Layout, WebAddress
from config.local.process import ChildSpec

APPLICATION = ("web", "realtime", "worker", "shipper", "relay")
# They answer nobody, so they start when the others are ready: until then those have the processor to themselves.
FOLLOWERS = ("shipper", "relay")

# As in docker/Dockerfile and the systemd unit. Compression would cost a connection five times the memory.
REALTIME_OPTIONS = (
    *("--ws", "api.realtime.protocol:FanOutProtocol", "--http", "api.realtime.protocol:HandshakeProtocol"),
    *("--ws-ping-interval", "25", "--ws-ping-timeout", "20", "--ws-max-size", "65536"),
    *("--ws-per-message-deflate", "false", "--no-proxy-headers", "--no-server-header", "--lifespan", "on"),
    *("--timeout-graceful-shutdown", "5", "--log-level", "warning"),
)

# Where the interpreter's own programs are, granian and celery among them.
_PROGRAMS = Path(sys.executable).parent


def services_environment(layout: Layout, address: WebAddress, database_url: str, redis_url: str) -> dict[str, str]:
    """Return what points a program of the product at this instance; what the user has set stays."""
    defaults = {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "PUBLIC_URL": address.url,
        "SPOOL_DIR": str(layout.spool),
    }
    return {name: os.environ.get(name) or value for name, value in defaults.items()} | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(layout.root),
        "HOST": address.host,
        "PORT": str(address.port),
        "REALTIME_PORT": str(address.realtime_port),
    }


def process_environment(layout: Layout, services: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the runner's own children."""
    return {
        **os.environ,
        **services,
        "PROMETHEUS_MULTIPROC_DIR": str(layout.metrics),
        "ATELIER_DIE_WITH_PARENT": "1",
        "PYTHONUNBUFFERED": "1",
        # Each process would run Django's checks anew; `make check` and the tests run them.
        "CELERY_SKIP_CHECKS": "1",
    }


def prepare(layout: Layout, env: Mapping[str, str]) -> ChildSpec:
    """Return the command that migrates and, on an empty database, creates the demo data."""
    return _python(layout, env, "prepare", "manage.py", "prepare", "--env-file", str(layout.demo_env))


def application(layout: Layout, address: WebAddress, env: Mapping[str, str]) -> list[ChildSpec]:
    """Return the processes that make up the running product."""
    return [
        _program(
            layout,
            env,
            "web",
            "granian",
            *("--interface", "wsgi", "config.wsgi:application"),
            *("--host", address.host, "--port", str(address.port)),
            *("--workers", str(address.workers), "--blocking-threads", str(address.threads)),
            # A worker that dies is replaced by its main process; the runner replaces the main process.
            "--respawn-failed-workers",
        ),
        _program(
            layout,
            env,
            "realtime",
            "uvicorn",
            "config.asgi:application",
            *("--host", address.host, "--port", str(address.realtime_port)),
            *REALTIME_OPTIONS,
        ),
        _program(
            layout,
            env,
            "worker",
            "celery",
            *("-A", "config", "worker", "-B", "-s", str(layout.run / "beat-schedule")),
            *("--concurrency", "2", "--loglevel", "INFO"),
            # Asking other workers whether they are there takes a second, and here are none.
            *("--without-mingle", "--without-gossip"),
        ),
        _python(layout, env, "shipper", "manage.py", "ship_request_log", "--skip-checks"),
        _python(layout, env, "relay", "manage.py", "relay", "--skip-checks"),
    ]


def _program(layout: Layout, env: Mapping[str, str], name: str, program: str, *arguments: str) -> ChildSpec:
    return ChildSpec(name, (str(_PROGRAMS / program), *arguments), env, PROJECT, layout.log(name))


def _python(layout: Layout, env: Mapping[str, str], name: str, *arguments: str) -> ChildSpec:
    return ChildSpec(name, (sys.executable, *arguments), env, PROJECT, layout.log(name))
