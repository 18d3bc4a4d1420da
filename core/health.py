"""Liveness, readiness and metrics.

`/health/ready` answers 503 when any component is down, each with its own state; `?components=database,migrations` asks about
some only, for load balancers that should keep sending what needs no Redis.
"""

import hmac
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from kombu import Connection

from core import heartbeat, metrics
from core.redis import RedisAway, client
from core.request_log import spool_state


class NotReady(Exception):
    """A component is down; the message says how."""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@cache
def _migrated() -> bool:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        raise NotReady(f"{len(pending)} migrations are not applied")
    return True


def _migrations() -> None:
    _migrated()


def _redis() -> None:
    client().ping()


def _broker() -> None:
    with Connection(settings.CELERY_BROKER_URL, connect_timeout=1, transport_options={"socket_timeout": 1}) as broker:
        broker.ensure_connection(max_retries=1, timeout=1)


def _worker() -> None:
    try:
        age = heartbeat.age()
    except RedisAway as error:
        raise NotReady("unknown while redis is away") from error
    if age is None:
        raise NotReady("no worker has been seen")
    if age > heartbeat.FRESH_SECONDS:
        raise NotReady(f"last seen {age:.0f} s ago")


COMPONENTS: dict[str, Callable[[], None]] = {
    "database": _database,
    "redis": _redis,
    "broker": _broker,
    "worker": _worker,
    "migrations": _migrations,
}


def live(_: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Each component's state; 503 when one that was asked about is down."""
    asked = [name for name in request.GET.get("components", "").split(",") if name] or list(COMPONENTS)
    if unknown := [name for name in asked if name not in COMPONENTS]:
        return JsonResponse({"status": "error", "message": "unknown component", "unknown": unknown[:5]}, status=400)
    states = {name: _state(COMPONENTS[name]) for name in asked}
    healthy = all(state["status"] == "ok" for state in states.values())
    response = JsonResponse({"status": "ok" if healthy else "down", "components": states}, status=200 if healthy else 503)
    response["Cache-Control"] = "no-store"
    if not healthy:
        response["Retry-After"] = "5"
    return response


def _state(check: Callable[[], None]) -> dict[str, Any]:
    started = time.perf_counter()
    state: dict[str, Any] = {"status": "ok"}
    try:
        check()
    except NotReady as error:
        state = {"status": "down", "detail": str(error)}
    except Exception as error:  # noqa: BLE001 - the next line says why
        # kombu raises whatever its transport does; readiness must answer all the same.
        state = {"status": "down", "detail": type(error).__name__}
    state["ms"] = round((time.perf_counter() - started) * 1000, 1)
    return state


def prometheus(request: HttpRequest) -> HttpResponse:
    """Metrics for whoever holds METRICS_TOKEN; without a token set, in development only. Others see nothing here."""
    token: str = settings.METRICS_TOKEN
    if token:
        presented = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if not hmac.compare_digest(presented.encode(), token.encode()):
            raise Http404
    elif not settings.METRICS_PUBLIC:
        raise Http404
    state = spool_state()
    gauges = (
        f"# TYPE atelier_spool_bytes gauge\natelier_spool_bytes {state.bytes}\n"
        f"# TYPE atelier_spool_files gauge\natelier_spool_files {state.files}\n"
        f"# TYPE atelier_spool_dropped_rows counter\natelier_spool_dropped_rows_total {state.dropped_rows}\n"
    )
    return HttpResponse(metrics.exposition() + gauges.encode(), content_type=metrics.CONTENT_TYPE)
