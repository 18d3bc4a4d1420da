"""A page of charts by hour, over a day or a week: what all such pages share."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from core.admin_pages.charts import Chart


@dataclass(frozen=True, slots=True)
class Span:
    """A window one can choose: its name, its hours, and how one is labelled."""

    name: str
    title: str
    hours: int
    label: str


SPANS = (Span("day", "Day", 24, "%H:%M"), Span("week", "Week", 168, "%b %d, %H:%M"))


def chosen_span(request: HttpRequest) -> Span:
    """The window asked for, a day where none is."""
    return next((span for span in SPANS if span.name == request.GET.get("window")), SPANS[0])


def hours_page(
    request: HttpRequest, *, title: str, about: str, tiles: Sequence[tuple[str, str]], charts: Sequence[Chart]
) -> TemplateResponse:
    """The page; a tile is its name and its value."""
    chosen = chosen_span(request)
    windows = [{"title": span.title, "link": f"?window={span.name}", "active": span == chosen} for span in SPANS]
    context = {"title": title, "about": about, "windows": windows, "tiles": tiles, "charts": charts}
    return TemplateResponse(request, "core/admin/hours.html", {**admin.site.each_context(request), **context})
