"""The page with messages by hour: of people and of programs, with files, deleted."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from core.admin_pages.charts import BLUE, GREEN, GREY, RED, Chart, Line
from core.admin_pages.hours import chosen_span, hours_page
from core.admin_pages.navigation import Page, register_page
from core.db.hours import count_by_hour

_COUNTED = {
    "people": "NOT is_bot",
    "programs": "is_bot",
    "files": "file_count > 0",
    "deleted": "deleted_at IS NOT NULL",
}


def messages_by_hour(end: datetime, hours: int) -> list[tuple[Any, ...]]:
    """(hour, of people, of programs, with files, deleted) for the last hours. Ids are in the order of time, and an index."""
    first = UUID(int=int((end - timedelta(hours=hours)).timestamp() * 1000) << 80)
    columns = "created_at, is_bot, file_count, deleted_at"
    recent = f"(SELECT {columns} FROM chat_message WHERE id >= '{first}') AS recent"
    return count_by_hour(recent, _COUNTED, end, hours)


def chart_page(request: HttpRequest) -> TemplateResponse:
    """The messages of each hour; times in UTC."""
    span = chosen_span(request)
    hours = messages_by_hour(timezone.now(), span.hours)
    labels = [hour[0].strftime(span.label) for hour in hours]
    people, programs, files, deleted = ([hour[place] for hour in hours] for place in range(1, 5))
    written = [("By people", GREEN, people), ("By programs", BLUE, programs)]
    beside = [("With files", GREY, files), ("Deleted since", RED, deleted)]
    return hours_page(
        request,
        title="Chat messages by hour",
        about="By the hour in which they were written, in UTC, answers in threads too. What retention took is not counted.",
        tiles=[(name, f"{sum(values):,}") for name, _, values in (*written, *beside)],
        charts=[
            Chart("Messages", "bar", labels, [Line(*series) for series in written], is_stacked=True),
            *(Chart(series[0], "bar", labels, [Line(*series)]) for series in beside),
        ],
    )


register_page(Page("chat-chart/", "chat_chart", chart_page, title="Chat messages", icon="forum"))
