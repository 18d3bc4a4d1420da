"""The page with deliveries by hour and outcome."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from core.admin_pages.navigation import Page, register_page
from webhooks import selectors

# Title, hours, and how an hour is labelled.
WINDOWS = {"day": ("Day", 24, "%H:%M"), "week": ("Week", 168, "%b %d, %H:%M")}
GREEN, RED, GREY = "#10b981", "#ef4444", "#9ca3af"
MAX_TICKS = 8


def chart_page(request: HttpRequest) -> TemplateResponse:
    """The deliveries queued in each hour, by what became of them; times in UTC."""
    chosen = request.GET.get("window", "day")
    chosen = chosen if chosen in WINDOWS else "day"
    _, count, label = WINDOWS[chosen]
    hours = selectors.deliveries_by_hour(timezone.now(), count)
    series = [
        ("Succeeded", GREEN, [hour.succeeded for hour in hours]),
        ("Failed", RED, [hour.failed for hour in hours]),
        ("Pending or cancelled", GREY, [hour.other for hour in hours]),
    ]
    context = {
        **admin.site.each_context(request),
        "title": "Webhook deliveries by hour",
        "windows": [
            {"title": title, "link": f"?window={name}", "active": name == chosen} for name, (title, *_) in WINDOWS.items()
        ],
        "tiles": [(name, f"{sum(values):,}") for name, _, values in series],
        "legend": [(name, colour) for name, colour, _ in series],
        "chart": _chart([hour.start.strftime(label) for hour in hours], series),
        "is_empty": not any(sum(values) for _, _, values in series),
    }
    return TemplateResponse(request, "webhooks/admin/chart.html", context)


def _chart(labels: list[str], series: list[tuple[str, str, list[int]]]) -> str:
    """Chart.js data as unfold's bar chart reads it."""
    datasets: list[dict[str, Any]] = [
        {
            "label": name,
            "data": values,
            "backgroundColor": colour,
            "stack": "deliveries",
            "displayYAxis": True,
            "maxTicksXLimit": MAX_TICKS,
            "maxBarThickness": 18,
        }
        for name, colour, values in series
    ]
    return json.dumps({"labels": labels, "datasets": datasets})


register_page(Page("webhook-chart/", "webhook_chart", chart_page, title="Webhook deliveries", icon="webhook"))
