"""What the installed apps declare: scopes, URL patterns, beat entries, loops of the relay, demo data."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from django.apps import apps
from django.utils.module_loading import import_string

from core.apps import DomainAppConfig
from core.socket_commands import Command


class Loop(Protocol):
    """Work of the relay process: `run` goes on until `stop` is called from another thread."""

    def run(self) -> None:
        """Work until told to stop."""

    def stop(self) -> None:
        """End `run` soon."""


class AccountEnds(Protocol):
    """Puts an app's things in order before an account is deleted."""

    def __call__(self, *, user: Any, actor: Any) -> None:
        """Do so, in the transaction; `actor` is who deletes it."""


class Demo(Protocol):
    """Makes an app's demo data for the demo administrator's id; what the file of demo credentials shall have of it."""

    def __call__(self, *, admin_id: UUID) -> Mapping[str, str]:
        """Make it, once."""


def domain_apps() -> Iterator[DomainAppConfig]:
    """The installed apps that take part in the house, in installation order."""
    for config in apps.get_app_configs():
        if isinstance(config, DomainAppConfig):
            yield config


@cache
def scopes() -> dict[str, str]:
    """Every declared API-key scope with its meaning."""
    return {scope: meaning for config in domain_apps() for scope, meaning in config.scopes.items()}


@cache
def admin_scopes() -> frozenset[str]:
    """The scopes that only an administrator may grant."""
    return frozenset[str]().union(*(config.admin_scopes for config in domain_apps()))


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Every declared periodic task."""
    return {name: dict(entry) for config in domain_apps() for name, entry in config.beat_schedule.items()}


def loops() -> list[type[Loop]]:
    """Every declared loop of the relay process."""
    return [import_string(path) for config in domain_apps() for path in config.loops]


def socket_commands() -> dict[str, Command]:
    """Every declared command of the socket."""
    return {name: import_string(path) for config in domain_apps() for name, path in config.socket_commands.items()}


def account_ends() -> list[AccountEnds]:
    """Everything to be called before an account is deleted."""
    return [import_string(path) for config in domain_apps() for path in config.account_ends]


def tours() -> list[Callable[..., None]]:
    """Every declared part of the tour."""
    return [import_string(config.tour) for config in domain_apps() if config.tour]


def demos() -> list[Demo]:
    """Every declared maker of demo data."""
    return [import_string(config.demo) for config in domain_apps() if config.demo]


def tour_scopes() -> set[str]:
    """What a key needs for those."""
    return {scope for config in domain_apps() if config.tour for scope in config.scopes if scope not in config.admin_scopes}
