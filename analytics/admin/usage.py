"""Usage by user and day, to look at."""

from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.contrib.filters.admin import RangeDateFilter

from analytics.models import UsageStats
from core.admin_pages import ReadOnlyAdmin, directory
from core.admin_pages.decorators import display
from core.admin_pages.filters import by


@admin.register(UsageStats)
class UsageStatsAdmin(ReadOnlyAdmin):
    """Days of use."""

    icon = "bar_chart"
    list_display = ("date", "shown_user", "requests", "errors", "messages_sent", "media_sent", "shown_in", "shown_out")
    list_filter = (by("user", field="user_id", title="user", parameter="user"), ("date", RangeDateFilter))
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email")
    search_help_text = "Username or email"
    date_hierarchy = "date"
    ordering = ("-date", "-id")
    fields = (
        "date",
        "shown_user",
        "requests",
        "errors",
        "messages_sent",
        "media_sent",
        "shown_in",
        "shown_out",
        "shown_modules",
    )
    readonly_fields = ("shown_user", "requests", "shown_in", "shown_out", "shown_modules")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Newest days first."""
        return super().get_queryset(request).select_related("user")

    @display(description="user", ordering="user__username")
    def shown_user(self, day: UsageStats) -> Any:
        """Whose day."""
        return directory.show("user", day.user_id, day.user.get_username())

    @display(description="requests", ordering="api_requests")
    def requests(self, day: UsageStats) -> int:
        """Requests of the API."""
        return day.api_requests

    @display(description="received", ordering="bytes_in")
    def shown_in(self, day: UsageStats) -> str:
        """Bytes of requests."""
        return size(day.bytes_in)

    @display(description="sent", ordering="bytes_out")
    def shown_out(self, day: UsageStats) -> str:
        """Bytes of answers."""
        return size(day.bytes_out)

    @display(description="requests by API module")
    def shown_modules(self, day: UsageStats) -> Any:
        """Busiest first."""
        counted: list[tuple[str, int]] = sorted(day.modules.items(), key=itemgetter(1), reverse=True)
        return format_html_join("", "<div>{}: {}</div>", counted) or "-"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _usage_of(user_id: UUID) -> directory.Link:
    return directory.Link("Usage", f"{reverse('admin:analytics_usagestats_changelist')}?user={user_id}", "bar_chart")


def _charts_of(parameter: str) -> Any:
    def make(key: UUID) -> directory.Link:
        return directory.Link("Usage charts", f"{reverse('admin:index')}?window=week&{parameter}={key}", "monitoring")

    return make


directory.register_link("user", _usage_of)
directory.register_link("user", _charts_of("user"))
directory.register_link("api_key", _charts_of("key"))
