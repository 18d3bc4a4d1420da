"""The side bar: pages, then every app's lists in the order of installation, so that a module switched on appears by itself."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse_lazy
from django.utils.text import capfirst

_COLOURS = {"production": "danger", "staging": "warning"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page beside the lists; one without a title is not in the side bar."""

    route: str
    name: str
    view: Callable[..., HttpResponse]
    title: str = ""
    icon: str = "article"


_pages: list[Page] = []


def register_page(page: Page) -> None:
    """Add a page, once, from an app's admin module."""
    _pages.append(page)


def page_urls() -> list[URLPattern]:
    """The pages' addresses, for administrators only."""
    return [path(page.route, admin.site.admin_view(page.view), name=page.name) for page in _pages]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar's groups."""
    overview = [{"title": "Dashboard", "icon": "monitoring", "link": reverse_lazy("admin:index")}]
    overview += [
        {"title": page.title, "icon": page.icon, "link": reverse_lazy(f"admin:{page.name}")} for page in _pages if page.title
    ]
    groups: list[dict[str, Any]] = [{"title": "Overview", "items": overview}]
    for app in sorted(admin.site.get_app_list(request), key=lambda app: _order(app["app_label"])):
        lists = [(model, admin.site.get_model_admin(model["model"])) for model in app["models"] if model["admin_url"]]
        items = [
            {
                "title": capfirst(str(model["name"])),
                "icon": getattr(model_admin, "icon", "table_rows"),
                "link": model["admin_url"],
            }
            for model, model_admin in sorted(lists, key=lambda pair: getattr(pair[1], "menu_order", 0))
        ]
        groups.append({"title": app["name"], "separator": True, "items": items})
    return groups


def _order(label: str) -> int:
    labels = [name.rpartition(".")[2] for name in settings.INSTALLED_APPS]
    # The kernel's own lists close the bar.
    return len(labels) if label == "core" or label not in labels else labels.index(label)


def _environment_name() -> str:
    return os.environ.get("DJANGO_SETTINGS_MODULE", "").rpartition(".")[2]


def environment(request: HttpRequest) -> list[str]:  # noqa: ARG001 - unfold passes it
    """The label at the top, so that nobody takes production for something else."""
    name = _environment_name()
    return [name.capitalize(), _COLOURS.get(name, "info")]


def title_prefix(request: HttpRequest) -> str:  # noqa: ARG001 - unfold passes it
    """The same in the window's title, outside production."""
    name = _environment_name()
    return "" if name == "production" else f"[{name}]"
