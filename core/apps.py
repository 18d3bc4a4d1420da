"""App configuration base: what a domain app or a product module declares about itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.apps import AppConfig


class DomainAppConfig(AppConfig):
    """An app that takes part in the house.

    `scopes` maps each API-key scope it declares to what it allows; `admin_scopes` are the ones only administrators may grant.
    `urlconf` is the import path of its URL patterns under `/api/v1/`; `beat_schedule` its Celery beat entries. `stream_kinds` are
    the import paths of the kinds of event stream it owns; `event_consumers` those of functions that take committed events, at
    least once and in the transaction that marks them taken (events.relay). `loops` are those of classes that the relay process
    runs (core.registry.Loop); `socket_commands` those of functions that carry out what clients say on the socket, by its name
    (core.socket_commands.command); `account_ends` those of functions that are called with `user` and `actor` in the transaction
    that deletes an account, before it (core.registry.AccountEnds); `tour` that of a function that shows the app at work in `make
    tour`, with all of its scopes; `demo` that of a function that makes its demo data on an empty development database
    (core.registry.Demo). A product module that is switched off is not installed, so none of these exist for it.
    """

    # Django takes an app's configuration by itself only where exactly one class says so: each subclass does.
    default = False
    scopes: ClassVar[Mapping[str, str]] = {}
    admin_scopes: ClassVar[frozenset[str]] = frozenset()
    urlconf: ClassVar[str] = ""
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {}
    stream_kinds: ClassVar[tuple[str, ...]] = ()
    event_consumers: ClassVar[tuple[str, ...]] = ()
    loops: ClassVar[tuple[str, ...]] = ()
    socket_commands: ClassVar[Mapping[str, str]] = {}
    account_ends: ClassVar[tuple[str, ...]] = ()
    tour: ClassVar[str] = ""
    demo: ClassVar[str] = ""


class CoreConfig(DomainAppConfig):
    default = True
    name = "core"
    verbose_name = "Platform"
    beat_schedule: ClassVar[Mapping[str, dict[str, Any]]] = {
        "core.heartbeat": {"task": "core.tasks.heartbeat", "schedule": 10.0},
        "core.purge-idempotency-records": {"task": "core.tasks.purge_idempotency_records", "schedule": 3600.0},
    }
