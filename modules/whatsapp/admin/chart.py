"""The page with messages by hour: what became of them, what share failed, what came in."""

from datetime import timedelta

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from core.admin_pages.charts import BLUE, GREEN, GREY, ORANGE, RED, Chart, Line
from core.admin_pages.hours import chosen_span, hours_page
from core.admin_pages.navigation import Page, register_page
from modules.whatsapp import selectors

RATE_MINUTES = 10


def chart_page(request: HttpRequest) -> TemplateResponse:
    """The messages accepted and received in each hour, by what became of them; times in UTC."""
    span, now = chosen_span(request), timezone.now()
    hours = selectors.messages_by_hour(now, span.hours)
    names = ("arrived", "failed", "cancelled", "waiting", "received")
    arrived, failed, cancelled, waiting, received = ([getattr(hour, name) for hour in hours] for name in names)
    labels = [hour.start.strftime(span.label) for hour in hours]
    became = [
        ("Arrived", GREEN, arrived),
        ("Failed", RED, failed),
        ("Cancelled", ORANGE, cancelled),
        ("Waiting", GREY, waiting),
    ]
    shares = [_percent(bad, good) for bad, good in zip(failed, arrived, strict=True)]
    rate = selectors.sending_rate(now, RATE_MINUTES, since=now - timedelta(hours=span.hours))
    share = _percent(sum(failed), sum(arrived))
    return hours_page(
        request,
        title="WhatsApp messages by hour",
        about=f"By the hour in which they were accepted or came in, in UTC. The rate is that of the last {RATE_MINUTES} minutes.",
        tiles=[
            *((name, f"{sum(values):,}") for name, _, values in became),
            ("Received", f"{sum(received):,}"),
            ("Failure share", "-" if share is None else f"{share:.1f} %"),
            ("Sent a minute", f"{rate:,.1f}"),
        ],
        charts=[
            Chart("Sent messages", "bar", labels, [Line(*series) for series in became], is_stacked=True),
            Chart("Failure share, percent", "bar", labels, [Line("Failed", RED, shares)], zero_counts=True),
            Chart("Received messages", "bar", labels, [Line("Received", BLUE, received)]),
        ],
    )


def _percent(failed: int, arrived: int) -> float | None:
    """Of those of which it is known; None where there are none."""
    known = failed + arrived
    return round(100 * failed / known, 1) if known else None


register_page(Page("whatsapp-chart/", "whatsapp_chart", chart_page, title="WhatsApp messages", icon="chat"))
