"""The page with deliveries by hour and outcome."""

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from core.admin_pages.charts import GREEN, GREY, RED, Chart, Line
from core.admin_pages.hours import chosen_span, hours_page
from core.admin_pages.navigation import Page, register_page
from webhooks import selectors


def chart_page(request: HttpRequest) -> TemplateResponse:
    """The deliveries queued in each hour, by what became of them; times in UTC."""
    span = chosen_span(request)
    hours = selectors.deliveries_by_hour(timezone.now(), span.hours)
    succeeded, failed, other = ([getattr(hour, name) for hour in hours] for name in ("succeeded", "failed", "other"))
    lines = [Line("Succeeded", GREEN, succeeded), Line("Failed", RED, failed), Line("Pending or cancelled", GREY, other)]
    labels = [hour.start.strftime(span.label) for hour in hours]
    return hours_page(
        request,
        title="Webhook deliveries by hour",
        about="By the hour in which they were queued, times in UTC.",
        tiles=[("Succeeded", f"{sum(succeeded):,}"), ("Failed", f"{sum(failed):,}"), ("Pending or cancelled", f"{sum(other):,}")],
        charts=[Chart("Deliveries", "bar", labels, lines, is_stacked=True)],
    )


register_page(Page("webhook-chart/", "webhook_chart", chart_page, title="Webhook deliveries", icon="webhook"))
